"""Does the finished build need a person's word? Judges its own quality tables by config/gate.yml.

Fatal findings are not asked about: they have already stopped their file or the night.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.home import Home
from pipeline.ledger import Ledger
from transforms.errors import ConfigError

EVERY_CLINIC = "all clinics"
ACCEPTED_AT_CLINIC = "accepted in the clinic's YAML"


class Thresholds(BaseModel):
    """What asks; shares lie between 0 and 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantined_share: float = Field(0.2, ge=0, le=1)
    incomplete_share: float = Field(0.2, ge=0, le=1)
    smallest_scope: int = Field(20, ge=1)
    form_changes: tuple[str, ...] = ()
    mart_rules: tuple[str, ...] = ("P03", "P04", "P05", "P06")


@dataclass(frozen=True)
class Finding:
    """One reason to ask: whose, and why in words without a cell."""

    clinic_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clinic_id}: {self.reason}"


def load_gate(home: Home) -> tuple[Thresholds, dict[str, Thresholds]]:
    """Return the default thresholds and those of the clinics that have their own."""
    path = home.config / "gate.yml"
    if not path.exists():
        return Thresholds(), {}
    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
        default = raw.get("default") or {}
        own = {
            clinic: Thresholds(**default | changed)
            for clinic, changed in (raw.get("clinics") or {}).items()
        }
        return Thresholds(**default), own
    except (YAMLError, ValidationError, TypeError, AttributeError) as error:
        what = f"not as docs/approval.md describes ({type(error).__name__})"
        raise ConfigError("config/gate.yml", what, "Correct it") from error


def judged_runs(ledger: Ledger, run_id: str) -> list[str]:
    """Return this run and the earlier ones whose accepted files no one has published or judged.

    A night killed between `accept` and `publish` leaves files that this build holds, too.
    """
    judged = [run_id]
    approved = {row["run_id"] for row in ledger.approvals() if row["choice"] is not None}
    for run in ledger.all_runs():
        if run["run_id"] >= run_id or run["run_id"] in approved:
            continue
        if run["status"] in ("published", "rolled_back"):
            break
        judged.append(run["run_id"])
    return judged


def findings(home: Home, ledger: Ledger, run_id: str) -> list[Finding]:
    """Return every reason to ask before the build is published, clinic by clinic.

    Waived results ask nothing. Shares are judged on `smallest_scope` rows or more.
    """
    default, own = load_gate(home)
    runs = judged_runs(ledger, run_id)
    with duckdb.connect(str(home.building), read_only=True) as con:
        found = [
            *_quarantined(con, runs, default, own),
            *_incomplete(con, runs, default, own),
            *_changed_forms(con, runs, default, own),
            *_marts(con, run_id, default),
        ]
    return sorted(set(found), key=str)


def _quarantined(con, runs: list[str], default: Thresholds, own: dict) -> list[Finding]:
    rows = con.execute(
        "select clinic_id, sum(n_received), sum(n_quarantined) from quality.dq_balance "
        "where list_contains(?, run_id) and status = 'accepted' group by clinic_id",
        [runs],
    ).fetchall()
    return [
        Finding(clinic, f"{held / received:.0%} of {received:,} rows are in quarantine")
        for clinic, received, held in rows
        for limits in [own.get(clinic, default)]
        if received >= limits.smallest_scope and held / received > limits.quarantined_share
    ]


def _incomplete(con, runs: list[str], default: Thresholds, own: dict) -> list[Finding]:
    rows = con.execute(
        "select results.clinic_id, results.rule_id, sum(results.n_scope), sum(results.n_failed) "
        "from quality.dq_rule_results as results "
        "semi join quality.dq_balance as files "
        "on results.clinic_id = files.clinic_id and results.file_id = files.file_id "
        "and files.status = 'accepted' "
        "where list_contains(?, results.run_id) and results.category like 'completeness%' "
        "and results.state = 'fail' and not coalesce(results.is_waived, false) "
        "group by results.clinic_id, results.rule_id",
        [runs],
    ).fetchall()
    return [
        Finding(clinic, f"rule {rule} fails in {failed / scope:.0%} of {scope:,}")
        for clinic, rule, scope, failed in rows
        for limits in [own.get(clinic, default)]
        if scope >= limits.smallest_scope and failed / scope > limits.incomplete_share
    ]


def _changed_forms(con, runs: list[str], default: Thresholds, own: dict) -> list[Finding]:
    rows = con.execute(
        "select clinic_id, change, count(*) from quality.dq_form_changes "
        "where list_contains(?, run_id) and not is_blocking and not contains(remedy, ?) "
        "group by clinic_id, change",
        [runs, ACCEPTED_AT_CLINIC],
    ).fetchall()
    return [
        Finding(clinic, f"form changed: {change.replace('_', ' ')} ({count})")
        for clinic, change, count in rows
        if change in own.get(clinic, default).form_changes
    ]


def _marts(con, run_id: str, default: Thresholds) -> list[Finding]:
    rows = con.execute(
        "select distinct clinic_id, rule_id, title, state from quality.dq_rule_results "
        "where run_id = ? and list_contains(?, rule_id) and state in ('fail', 'error') "
        "and not coalesce(is_waived, false)",
        [run_id, list(default.mart_rules)],
    ).fetchall()
    return [
        Finding(clinic or EVERY_CLINIC, f"rule {rule} ({title}): {state}")
        for clinic, rule, title, state in rows
    ]
