"""Does the finished build need a person's word? Judges its own quality tables by config/gate.yml.

Fatal findings are not asked about: they have already stopped their file or the night.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from pipeline.home import Home
from pipeline.storage.configuration import rules
from pipeline.storage.ledger import Ledger
from pipeline.storage.site_settings import read_settings, schema_of
from transforms.errors import ConfigError

EVERY_CLINIC = "all clinics"
ACCEPTED_AT_CLINIC = "accepted in the clinic's YAML"


class Thresholds(BaseModel):
    """What asks; shares lie between 0 and 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantined_share: float = Field(
        0.2, ge=0, le=1, description="A larger share of a clinic's rows in quarantine asks"
    )
    incomplete_share: float = Field(
        0.2, ge=0, le=1, description="A larger failing share of a completeness rule asks"
    )
    smallest_scope: int = Field(20, ge=1, description="Fewer rows are never judged as a share")
    form_changes: tuple[str, ...] = Field(
        (), description="Changes of a form that were let through and still ask"
    )
    mart_rules: tuple[str, ...] = Field(
        ("P03", "P04", "P05", "P06"),
        description="Broken rules of the marts that ask; only under default",
    )


class Gate(BaseModel):
    """The file config/gate.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Thresholds = Field(Thresholds(), description="For every clinic")
    clinics: dict[str, Thresholds] = Field({}, description="What differs, by clinic")

    def of(self, clinic_id: str) -> Thresholds:
        """Return a clinic's own thresholds; those it does not name are the default ones."""
        own = self.clinics.get(clinic_id, Thresholds())
        return self.default.model_copy(update=own.model_dump(exclude_unset=True))


@dataclass(frozen=True)
class Finding:
    """One reason to ask: whose, and why in words without a cell."""

    clinic_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clinic_id}: {self.reason}"


def load_gate(home: Home) -> Gate:
    """Read and check config/gate.yml; without the file the thresholds of `Thresholds` hold.

    Raises
    ------
    ConfigError
        With the key: a wrong value, a clinic or a rule nobody knows. Such a threshold would judge
        nothing, and nobody would notice.
    """
    if not (home.config / "gate.yml").exists():
        return Gate()
    gate = read_settings(home, "gate.yml", Gate, "See docs/approval.md")
    clinics = known_clinics(home)
    _check_names(
        "clinics",
        gate.clinics,
        clinics,
        "Name its folder in landing/ or its file in config/clinics",
    )
    known_rules = {rule.id for rule in rules(home).rules}
    for limits in (gate.default, *gate.clinics.values()):
        _check_names("mart_rules", limits.mart_rules, known_rules, "See config/rules.yml")
    return gate


def gate_schema() -> str:
    """Return the text of config/schema/gate.schema.json."""
    return schema_of(Gate)


def known_clinics(home: Home) -> set[str]:
    """Return the clinics that have a YAML or a folder in landing/: one without YAML is fine."""
    configured = {path.stem for path in (home.config / "clinics").glob("*.yml")}
    return configured | {path.name for path in home.landing.iterdir() if path.is_dir()}


def judged_runs(ledger: Ledger, run_id: str) -> list[str]:
    """Return this run and the earlier ones whose accepted files no one has published or judged.

    A night killed between `accept` and `publish` leaves files that this build holds, too.
    """
    judged = [run_id]
    approved = {row["run_id"] for row in ledger.approvals() if row["choice"] is not None}
    for run in ledger.all_runs():
        if run["run_id"] >= run_id or run["run_id"] in approved or run["status"] == "withdrawn":
            continue
        if run["status"] in ("published", "rolled_back"):
            break
        judged.append(run["run_id"])
    return judged


def findings(home: Home, ledger: Ledger, run_id: str) -> list[Finding]:
    """Return every reason to ask before the build is published, clinic by clinic.

    Waived results ask nothing. Shares are judged on `smallest_scope` rows or more.
    """
    gate = load_gate(home)
    runs = judged_runs(ledger, run_id)
    with duckdb.connect(str(home.building), read_only=True) as con:
        found = [
            *_quarantined(con, runs, gate),
            *_incomplete(con, runs, gate),
            *_changed_forms(con, runs, gate),
            *_marts(con, run_id, gate),
        ]
    return sorted(set(found), key=str)


def _quarantined(con: duckdb.DuckDBPyConnection, runs: list[str], gate: Gate) -> list[Finding]:
    rows = con.execute(
        "select clinic_id, sum(n_received), sum(n_quarantined) from quality.dq_balance "
        "where list_contains(?, run_id) and status = 'accepted' group by clinic_id",
        [runs],
    ).fetchall()
    return [
        Finding(clinic, f"{held / received:.0%} of {received:,} rows are in quarantine")
        for clinic, received, held in rows
        for limits in [gate.of(clinic)]
        if received >= limits.smallest_scope and held / received > limits.quarantined_share
    ]


def _incomplete(con: duckdb.DuckDBPyConnection, runs: list[str], gate: Gate) -> list[Finding]:
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
        for limits in [gate.of(clinic)]
        if scope >= limits.smallest_scope and failed / scope > limits.incomplete_share
    ]


def _changed_forms(con: duckdb.DuckDBPyConnection, runs: list[str], gate: Gate) -> list[Finding]:
    rows = con.execute(
        "select clinic_id, change, count(*) from quality.dq_form_changes "
        "where list_contains(?, run_id) and not is_blocking and not contains(remedy, ?) "
        "group by clinic_id, change",
        [runs, ACCEPTED_AT_CLINIC],
    ).fetchall()
    return [
        Finding(clinic, f"form changed: {change.replace('_', ' ')} ({count})")
        for clinic, change, count in rows
        if change in gate.of(clinic).form_changes
    ]


def _marts(con: duckdb.DuckDBPyConnection, run_id: str, gate: Gate) -> list[Finding]:
    rows = con.execute(
        "select distinct clinic_id, rule_id, title, state from quality.dq_rule_results "
        "where run_id = ? and list_contains(?, rule_id) and state in ('fail', 'error') "
        "and not coalesce(is_waived, false)",
        [run_id, list(gate.default.mart_rules)],
    ).fetchall()
    return [
        Finding(clinic or EVERY_CLINIC, f"rule {rule} ({title}): {state}")
        for clinic, rule, title, state in rows
    ]


def _check_names(key: str, named: Iterable[str], known: set[str], remedy: str) -> None:
    if unknown := sorted(set(named) - known):
        raise _refusal(f"{key}: unknown {', '.join(unknown)}", remedy)


def _refusal(what: str, remedy: str) -> ConfigError:
    return ConfigError("config/gate.yml", what, remedy)
