"""What a finding means and what to do about it, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.validation.tables import Check

# What a finding of each severity did to the data, and what to do; used where the rule
# catalogue brings no words of its own.
EFFECTS = {
    "fatal": "The rows are held back; above the limit the whole file is. Ask the clinic for a "
    "corrected export.",
    "quarantine": "These rows are held back and count nowhere. Correct them at the source and "
    "send the export again: corrected rows leave quarantine by their key.",
    "warn": "The rows were loaded and may move the numbers. Look at the largest file first.",
    "inform": "Nothing was held back. Watch whether the share grows.",
}
ERROR_EFFECT = (
    "The check itself could not run, so nothing is known about these rows. This is a matter for "
    "the data team, not for the clinic."
)


@dataclass(frozen=True)
class Guidance:
    """Words of the rule catalogue on one rule."""

    meaning: str
    remedy: str


def advice(check: Check, guidance: Mapping[str, Guidance]) -> tuple[str, str]:
    """Return what a finding means and what to do about it."""
    if check.state == "error":
        return check.message or "", ERROR_EFFECT
    if words := guidance.get(check.rule_id):
        return words.meaning, words.remedy
    return check.message or "", EFFECTS.get(check.severity, EFFECTS["warn"])


def remedy(rule_id: str, severity: str | None, guidance: Mapping[str, Guidance]) -> str:
    """Return what to do about a row that breaks a rule."""
    if words := guidance.get(rule_id):
        return words.remedy
    return EFFECTS.get(severity or "warn", EFFECTS["warn"])
