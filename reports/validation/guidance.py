"""What a finding means and what to do about it, in words for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from reports.validation.tables import Check, HeldRow

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
    """Words of the rule catalogue on one rule; ``parts`` by how a part's reason begins."""

    meaning: str
    remedy: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def remedy_for(self, reasons: Collection[str]) -> str:
        """Return what to do where the rule was broken for these reasons, each remedy once."""
        found = [
            next((do for begin, do in self.parts.items() if reason.startswith(begin)), self.remedy)
            for reason in sorted(reasons)
        ]
        return " ".join(dict.fromkeys(found)) or self.remedy


def advice(
    check: Check, guidance: Mapping[str, Guidance], reasons: Collection[str] = ()
) -> tuple[str, str]:
    """Return what a finding means and what to do about it.

    Parameters
    ----------
    reasons : why rows broke the rule, where they are listed
    """
    if check.state == "error":
        return check.message or "", ERROR_EFFECT
    if words := guidance.get(check.rule_id):
        return words.meaning, words.remedy_for(reasons)
    return check.message or "", EFFECTS.get(check.severity, EFFECTS["warn"])


def remedy(row: HeldRow, guidance: Mapping[str, Guidance]) -> str:
    """Return what to do about a row, for the part of the rule that it breaks."""
    if words := guidance.get(row.rule_id):
        return words.remedy_for((row.reason,))
    return EFFECTS.get(row.severity or "warn", EFFECTS["warn"])


def reasons_of(rows: Iterable[HeldRow]) -> dict[tuple[str, str], set[str]]:
    """Return the reasons of the listed rows, per (rule_id, clinic_id)."""
    reasons: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        reasons[row.rule_id, row.clinic_id].add(row.reason)
    return reasons
