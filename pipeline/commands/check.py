"""`rapport check`: one file read and judged as the night would, in a copy that is thrown away.

The steps are those of the night. They run over a trial home whose lake and vault are links to
what is already loaded, so references, duplicates and earlier forms are known; everything new is
written into the trial home only, which is deleted at the end.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.steps import accept, intake, judge, report_page
from pipeline.steps.compiled_models import build_tables_again
from pipeline.storage import lake
from pipeline.storage.configuration import read_clinic, read_registry, write_registry
from pipeline.storage.landing import Delivery, require_export
from pipeline.storage.ledger import RUN_ID, Ledger
from pipeline.storage.manifests import is_manifest
from pipeline.storage.waiver_tables import write_waivers_and_rules
from pipeline.vault.keyring import path_of
from pipeline.vault.keys import open_vault
from transforms.clinics.problems import unregistered
from transforms.contract import TABLES

CLEAN, FINDINGS, CANNOT_READ = 0, 1, 2
ROWS_SHOWN = 10
# What the rules, the duplicates and the form watch look up in what is loaded already.
REFERENCES = (
    *TABLES,
    "superseded",
    "scores",
    "client_ages",
    "therapist_flags",
    "quality/form_profiles",
)
BALANCE = ("table_name", "n_received", "n_accepted", "n_duplicate", "n_quarantined")
MODELS = (
    *("dq_balance", "dq_quarantine", "dq_rule_results", "dq_form_changes", "dq_waivers"),
    *("dq_rules", "dq_rule_status", "dim_clinics"),
)


@dataclass(frozen=True)
class Finding:
    """One rule that fell short in the file."""

    rule_id: str
    title: str
    severity: str
    state: str
    n_failed: int
    n_scope: int
    message: str


@dataclass(frozen=True)
class BrokenRow:
    """Where a row breaks a rule, and why; never a cell."""

    sheet: str | None
    line: int | None
    column: str | None
    rule_id: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """What the night would say of one file.

    Attributes
    ----------
    status : accepted, rejected or refused; companion for a file that only explains others
    reason : why it was rejected or refused, in the night's words
    notes : what the reader and the mapping noticed
    balance : table, rows received, new, duplicate, quarantined
    findings : rules that fell short, waived ones left out
    rows : the first broken rows, held back before flagged; ``n_rows`` of how many
    report, issues : the pages and lists written; None and empty for a companion
    """

    status: str
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    balance: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: list[BrokenRow] = field(default_factory=list)
    n_rows: int = 0
    report: Path | None = None
    issues: list[Path] = field(default_factory=list)

    @property
    def is_accepted(self) -> bool:
        """Whether the file would be loaded, perhaps without some of its rows."""
        return self.status == "accepted"

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 cannot read."""
        if self.status == "refused":
            return CANNOT_READ
        held_back = any(quarantined for *_, quarantined in self.balance)
        is_clean = self.status != "rejected" and not self.findings and not held_back
        return CLEAN if is_clean else FINDINGS


def check(home: Home, file: Path, clinic_id: str, target: Path) -> Checked:
    """Read and judge one file as the night would; load nothing.

    Parameters
    ----------
    file : the export; a data dictionary or manifest is taken from beside it, else from landing/
    target : folder for the report and the issue list

    Raises
    ------
    ConfigError
        No such file, not a clinic's id, or the clinic's YAML is wrong.
    """
    require_export(file, clinic_id)
    clinic, now = read_clinic(home, clinic_id), datetime.now(UTC).replace(tzinfo=None)
    if clinic.is_dictionary(file.name):
        return Checked("companion")
    run_id = now.strftime(RUN_ID)
    with _trial_home(home, clinic_id) as trial, redirect_stdout(StringIO()):
        delivery = _land(home, trial, file, clinic_id, now)
        _companions(home, trial, file, clinic_id)
        checked = _judged(trial, run_id, delivery, target)
    instruments = {one.instrument_id for one in read_registry(home).instruments}
    return replace(checked, notes=[*unregistered(clinic, instruments), *checked.notes])


@contextmanager
def _trial_home(home: Home, clinic_id: str) -> Iterator[Home]:
    """Yield a private home that sees what is loaded, and delete it at the end."""
    # Identifiers of the file pass through it: the vault's scratch folder is swept every night.
    private = home.scratch if home.scratch.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="check-", dir=private) as folder:
        trial = Home(Path(folder), home.config)
        trial.prepare()
        for path in (home.vault / "key", path_of(home)):
            if path.exists():
                shutil.copy(path, trial.vault / path.name)  # keeps its mode
        if home.key_fingerprint.exists():
            shutil.copy(home.key_fingerprint, trial.key_fingerprint)
        for name in REFERENCES:
            _link_files(home.lake / name, trial.lake / name)
        identities = Path("identities") / f"clinic={clinic_id}"
        _link_files(home.vault / identities, trial.vault / identities)
        _link_files(home.vault / "erased", trial.vault / "erased")
        open_vault(trial)
        yield trial


def _link_files(source: Path, target: Path) -> None:
    """Link every file below a folder. Writers replace a name, they never write through it."""
    for path in source.rglob("*"):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())


def _land(home: Home, trial: Home, file: Path, clinic_id: str, now: datetime) -> Delivery:
    folder, file = (home.landing / clinic_id).resolve(), file.resolve()
    name = file.relative_to(folder) if file.is_relative_to(folder) else Path(file.name)
    target = trial.landing / clinic_id / name
    target.parent.mkdir(parents=True)
    shutil.copyfile(file, target)
    with target.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    # An id of its own: the same content may be loaded already.
    file_id = hashlib.sha256(f"{sha256} check".encode()).hexdigest()[:16]
    size = target.stat().st_size
    return Delivery(clinic_id, name.as_posix(), file_id, sha256, size, now.replace(microsecond=0))


def _companions(home: Home, trial: Home, file: Path, clinic_id: str) -> None:
    """Bring what explains the file: from beside it, and what landing/ holds under other names."""
    clinic = read_clinic(home, clinic_id)
    for folder in (file.parent, home.landing / clinic_id):
        for path in sorted(folder.glob("*")):
            target = trial.landing / clinic_id / path.name
            explains = clinic.is_dictionary(path.name) or is_manifest(path.name)
            if path.is_file() and explains and not target.exists():
                shutil.copyfile(path, target)


def _judged(trial: Home, run_id: str, delivery: Delivery, target: Path) -> Checked:
    """Run the night's steps up to the report over the trial home."""
    clinic_id, ledger = delivery.clinic_id, Ledger(trial)
    lake.write_empty_tables(trial)
    write_registry(trial)
    write_waivers_and_rules(trial, delivery.received_at.date())
    ledger.open_run(run_id, delivery.received_at, "check")
    intake.intake(trial, run_id, clinic_id, [delivery])
    judge.judge(trial, run_id, with_suites=False)
    accept.accept(trial, run_id, ledger, [delivery])
    database = build_tables_again(trial, run_id, MODELS)
    result = intake.read_results(trial, run_id, clinic_id)[delivery.file_id]
    (entry,) = ledger.all_files()
    report, issues = _write_pages(trial, database, run_id, target)
    rows, n_rows = _broken_rows(database)
    return Checked(
        status=entry["status"],
        reason=entry["reason"] or "",
        notes=result.notes,
        balance=[tuple(row[name] for name in BALANCE) for row in ledger.all_file_tables()],
        findings=_findings(database, run_id),
        rows=rows,
        n_rows=n_rows,
        report=report,
        issues=issues,
    )


def _write_pages(trial: Home, database: Path, run_id: str, target: Path) -> tuple[Path, list[Path]]:
    page = report_page.write_page(trial, database, run_id)
    issues = sorted(page.parent.glob("issues-*"))
    report_page.write_index(trial)
    shutil.copytree(trial.reports, target, dirs_exist_ok=True)
    moved = [target / path.relative_to(trial.reports) for path in (page, *issues)]
    return moved[0], moved[1:]


def _findings(database: Path, run_id: str) -> list[Finding]:
    with duckdb.connect(str(database), read_only=True) as con:
        rows = con.execute(
            """
            select
                rule_id, title, severity, state, coalesce(n_failed, 0), coalesce(n_scope, 0),
                coalesce(message, '')
            from quality.dq_rule_results
            where run_id = ? and state in ('fail', 'error') and not is_waived
            order by
                severity = 'fatal' desc, severity = 'quarantine' desc, n_failed desc, rule_id,
                table_name
            """,
            [run_id],
        ).fetchall()
    return [Finding(*row) for row in rows]


def _broken_rows(database: Path) -> tuple[list[BrokenRow], int]:
    with duckdb.connect(str(database), read_only=True) as con:
        rows = con.execute(
            """
            select source_sheet, source_line, column_name, rule_id, reason, count(*) over ()
            from quality.dq_quarantine
            where status in ('open', 'flagged')
            order by status = 'open' desc, rule_id = 'FILE', source_sheet, source_line, rule_id,
                column_name
            limit ?
            """,
            [ROWS_SHOWN],
        ).fetchall()
    return [BrokenRow(*row[:-1]) for row in rows], rows[0][-1] if rows else 0
