"""One clinic's new files: read, mapped, pseudonymized, scored and marked. Nothing is decided yet.

Everything it writes lies below ``work/<run>`` (and identifiers in the vault); the lake is
untouched until every file of the night has been judged.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from pipeline.audit.form_changes import FormWatch
from pipeline.audit.refused_files import FILE_RULE, write_promise_counts, write_refusal_counts
from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.held_rows import free
from pipeline.steps.scores import write_scores
from pipeline.storage.configuration import read_clinic, read_registry, rules
from pipeline.storage.duckdb_session import duck, for_few_rows, quoted
from pipeline.storage.landing import Delivery, is_as_hashed, still_written
from pipeline.storage.merged_clients import refuse_unclear_merges
from pipeline.vault.erased import keep_out
from pipeline.vault.facts import client_aliases, delivered_ages, therapist_flags
from pipeline.vault.identities import keep
from pipeline.vault.keyring import Keyring
from pipeline.vault.keys import identities_folder, open_vault
from transforms.clinics.clinic import Clinic
from transforms.contract import TABLES, Table
from transforms.errors import BalanceError, FileChangedError, FileRefused, RapportError
from transforms.formats.source import Source, plural
from transforms.instruments.defaults import Defaults, load_defaults
from transforms.instruments.tables import registry_rows
from transforms.intake.column_mapping import ColumnMapping, mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage
from transforms.sql import only_row

# Below, planning a statement costs more than running it on one thread.
SMALL_BYTES = 100_000


@dataclass(frozen=True)
class IntakeResult:
    """What became of one file. ``refusal`` is empty when it could be read.

    ``rows`` are those staged, by table, ``erased`` those left out of persons who were erased;
    ``n_read`` counts the rows of the file itself: one row may give several canonical rows.
    """

    file_id: str
    refusal: str = ""
    refusal_rule: str = ""
    notes: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    n_read: int | None = None


@dataclass(frozen=True)
class _Night:
    """One clinic's intake of one run: what every step below needs."""

    con: duckdb.DuckDBPyConnection
    home: Home
    run_id: str
    clinic: Clinic
    watch: FormWatch
    ring: Keyring
    defaults: Defaults

    @property
    def clinic_id(self) -> str:
        return self.clinic.clinic

    def staged(self, table: str, file_id: str) -> Path:
        return staged_folder(self.home, self.run_id, self.clinic_id) / table / f"{file_id}.parquet"

    def score(self, responses: Path) -> None:
        """Write the scores of one file's staged responses."""
        scores = scores_path(self.home, self.run_id, self.clinic_id, responses.stem)
        write_scores(self.con, responses, scores, read_registry(self.home))


def intake(home: Home, run_id: str, clinic_id: str, deliveries: list[Delivery]) -> dict[str, int]:
    """Take in one clinic's files; a file that cannot be read is refused, the others go on."""
    clinic = read_clinic(home, clinic_id)
    watch = FormWatch(home, run_id, clinic)
    names = {delivery.file_id: delivery.source_file for delivery in deliveries}
    with duck(home) as con:
        defaults = load_defaults(con, registry_rows(read_registry(home)))
        night = _Night(con, home, run_id, clinic, watch, open_vault(home), defaults)
        taken = [_take_in(night, delivery) for delivery in deliveries]
        results = [result for result in taken if result is not None]
        watch.write({result.file_id: names[result.file_id] for result in results})
        results += _mark(night, deliveries, results)
    for result in results:
        if result.refusal:
            say(f"    {clinic_id}/{names[result.file_id]} refused: {result.refusal}")
    path = result_path(home, run_id, clinic_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(result) for result in results], indent=1), "utf-8")
    return {
        "files": len(deliveries),
        "refused": sum(bool(result.refusal) for result in results),
        "rows": sum(sum(result.rows.values()) for result in results),
    }


def result_path(home: Home, run_id: str, clinic_id: str) -> Path:
    """Return where a clinic's intake says what became of its files."""
    return home.work(run_id) / "intake" / f"{clinic_id}.json"


def read_results(home: Home, run_id: str, clinic_id: str) -> dict[str, IntakeResult]:
    """Return what became of a clinic's files; empty if its intake broke off."""
    path = result_path(home, run_id, clinic_id)
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {row["file_id"]: IntakeResult(**row) for row in rows}


def staged_folder(home: Home, run_id: str, clinic_id: str) -> Path:
    """Return the folder of a clinic's staged rows: ``<table>/<file_id>.parquet``."""
    return home.work(run_id) / "staged" / clinic_id


def scores_path(home: Home, run_id: str, clinic_id: str, file_id: str) -> Path:
    """Return the scores of one file's staged responses."""
    return home.work(run_id) / "scores" / clinic_id / f"{file_id}.parquet"


def _take_in(night: _Night, delivery: Delivery) -> IntakeResult | None:
    """Return what became of a file; None if it changed meanwhile: it stays new, and says so."""
    is_small = delivery.size_bytes < SMALL_BYTES
    try:
        with for_few_rows(night.con) if is_small else nullcontext():
            return _read_or_refuse(night, delivery)
    except (RapportError, OSError):
        if is_as_hashed(night.home, delivery):
            raise
    _unstage(night, delivery)
    say(f"    {still_written(f'landing/{night.clinic_id}/{delivery.source_file}')}")
    return None


def _read_or_refuse(night: _Night, delivery: Delivery) -> IntakeResult:
    if night.clinic.is_dictionary(Path(delivery.source_file).name):
        return IntakeResult(delivery.file_id)
    try:
        return _read(night, delivery)
    except FileRefused as refusal:
        _require_as_hashed(night.home, delivery)
        _unstage(night, delivery)
        night.watch.note_refused(delivery, refusal)
        return IntakeResult(delivery.file_id, str(refusal), FILE_RULE[refusal.code])
    except (BalanceError, FileChangedError):
        raise
    except RapportError as refusal:  # DuckDB could not do it; its own message may quote a row
        _require_as_hashed(night.home, delivery)
        return IntakeResult(delivery.file_id, str(refusal), "F01")


def _read(night: _Night, delivery: Delivery) -> IntakeResult:
    con, home, clinic = night.con, night.home, night.clinic
    path = delivery.path(home)
    if not clinic.is_export(path.name):
        raise FileRefused(
            "F06",
            f"The file's name does not fit the pattern `files: {clinic.files}`",
            "Correct the pattern in the clinic's YAML, or take the file away",
        )
    registry = read_registry(home)
    sources = read_export(path, clinic, con=con, scratch=home.scratch, registry=registry)
    try:
        return _stage(night, delivery, sources)
    finally:
        for source in sources:  # raw cells must not outlive their file
            source.drop(con)


def _stage(night: _Night, delivery: Delivery, sources: list[Source]) -> IntakeResult:
    """Write one staged file per canonical table, and the scores of its responses."""
    con, home, clinic = night.con, night.home, night.clinic
    received = f"{delivery.received_at:%Y%m%dT%H%M%S}"
    identities = identities_folder(home, clinic.clinic, received)
    key = GroupKey.derive(night.ring.pseudonyms, clinic.group)
    erased: dict[str, int] = {}
    notes = [note.text for source in sources for note in source.notes]
    rows: dict[str, int] = {}
    read: dict[str, list[ColumnMapping]] = {}
    paths: dict[str, Path] = {}
    name = Path(delivery.source_file).name
    for table, mappings in mappings_by_table(clinic, name, sources).items():
        written = home.scratch / f"{delivery.file_id}.{table}.parquet"
        staged = stage(
            con,
            table,
            mappings,
            clinic,
            file_id=delivery.file_id,
            source_file=delivery.source_file,
            received_at=delivery.received_at,
            key=key,
            registry_rows=[],
            defaults=night.defaults,
            out=night.staged(table, delivery.file_id),
            identities=written,
        )
        erased[table] = keep_out(con, home, key, staged.path, written)
        keep(night.ring, written, identities)
        if len(mappings) > 1 or any(mapping.feed.is_reshaped for mapping in mappings):
            _refuse_shared_keys(con, TABLES[table], staged.path)
        rows[table] = staged.n_rows - erased[table]
        paths[table], read[table] = staged.path, mappings
        notes += [note.text for note in staged.notes]
        if table == "clients":
            refuse_unclear_merges(con, home, staged.path)
        if table == "responses":
            night.score(staged.path)
    _require_as_hashed(home, delivery)
    night.watch.look(con, delivery, read, paths)
    n_read = sum(source.n_rows for source in sources)
    return IntakeResult(delivery.file_id, notes=notes, rows=rows, erased=erased, n_read=n_read)


def _require_as_hashed(home: Home, delivery: Delivery) -> None:
    if not is_as_hashed(home, delivery):
        raise FileChangedError(still_written(delivery.source_file))


def _refuse_shared_keys(con: duckdb.DuckDBPyConnection, table: Table, staged: Path) -> None:
    """Refuse (F08) two rows of one key made from one line: nothing could tell them apart again."""
    (n_shared,) = only_row(
        con.execute(
            f"select count(*) - count(distinct ({table.key}, source_line)) "
            f"from read_parquet({quoted(staged)})"
        )
    )
    if n_shared:
        raise FileRefused(
            "F08",
            f"{table.name}: {plural(n_shared, 'row')} made from the same line as another with the "
            "same key",
            "Two feeds, sheets or sessions say the same of it: set another instrument or rater in "
            "one feed of the clinic's YAML, or map what tells them apart, such as session_id",
        )


def _unstage(night: _Night, delivery: Delivery) -> None:
    """Remove what was staged of a file before it was refused: it is loaded whole or not at all."""
    home, run_id, clinic_id, name = night.home, night.run_id, night.clinic_id, delivery.file_id
    received = f"{delivery.received_at:%Y%m%dT%H%M%S}"
    identities = home.vault / "identities" / f"clinic={clinic_id}" / received
    staged = staged_folder(home, run_id, clinic_id)
    for path in [*staged.glob(f"*/{name}.parquet"), *identities.glob(f"{name}.*")]:
        path.unlink()
    scores_path(home, run_id, clinic_id, name).unlink(missing_ok=True)


def _mark(
    night: _Night, deliveries: list[Delivery], results: list[IntakeResult]
) -> list[IntakeResult]:
    """Mark every broken row of the clinic's staged files, and count per rule and file.

    Returns what became of held rows that came free and are among them now.
    """
    from expectations.marking.marking import mark
    from expectations.rows.context import Service

    con, home, run_id, clinic_id = night.con, night.home, night.run_id, night.clinic_id
    clinic, watch = night.clinic, night.watch
    staged: dict[str, list[Path]] = {}
    for result in results:
        for table in () if result.refusal else result.rows:
            staged.setdefault(table, []).append(night.staged(table, result.file_id))
    work, received_at = home.work(run_id), deliveries[0].received_at
    for folder in ("marks", "counts"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    names = {delivery.file_id: delivery.source_file for delivery in deliveries}
    promised = [(r.file_id, names[r.file_id], r.n_read) for r in results]
    cut_off = write_promise_counts(home, run_id, clinic_id, promised)
    kinds = ("therapist_ids", "ages", "client_ids")
    ids, ages, aliases = (work / kind / f"{clinic_id}.parquet" for kind in kinds)
    therapist_flags(con, home, clinic_id, ids)
    delivered_ages(con, home, clinic_id, staged.get("episodes", []), ages)
    client_aliases(con, home, clinic_id, aliases)
    looked_at = tuple(id for id, name in names.items() if clinic.accepts_change_in(Path(name).name))

    def judged(files: dict[str, list[Path]], marks: Path, counts: Path) -> Path:
        mark(
            con,
            files,
            home.lake,
            home.lake / "registry",
            rules(home),
            clinic_id=clinic_id,
            run_id=run_id,
            received_at=received_at,
            marks_path=marks,
            counts_path=counts,
            blocked=watch.blocked | cut_off,
            scores=sorted((work / "scores" / clinic_id).glob("*.parquet")),
            therapist_ids=[ids] if ids.exists() else [],
            ages=[ages] if ages.exists() else [],
            client_ids=[aliases] if aliases.exists() else [],
            service=Service(clinic.age_range, clinic.go_live, looked_at),
            item_sets=watch.item_sets,
        )
        return marks

    def trial(files: dict[str, list[Path]]) -> Path:
        folder = work / "held" / clinic_id
        return judged(files, folder / "marks.parquet", folder / "counts.parquet")

    freed, paths = free(con, home, run_id, clinic_id, rules(home), staged, received_at, trial)
    taken_up = _take_up(night, freed, paths, staged)
    judged(
        staged, work / "marks" / f"{clinic_id}.parquet", work / "counts" / f"{clinic_id}.parquet"
    )
    files = [(r.file_id, names[r.file_id], r.refusal_rule) for r in results]
    write_refusal_counts(home, run_id, clinic_id, files)
    return taken_up


def _take_up(
    night: _Night,
    freed: list[Delivery],
    paths: dict[str, list[Path]],
    staged: dict[str, list[Path]],
) -> list[IntakeResult]:
    """Put held rows that came free beside tonight's staged files, and score them."""
    rows: dict[str, dict[str, int]] = {delivery.file_id: {} for delivery in freed}
    for table, files in paths.items():
        for path in files:
            target = night.staged(table, path.stem)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            staged.setdefault(table, []).append(target)
            count = f"select count(*) from read_parquet({quoted(target)})"
            (rows[path.stem][table],) = only_row(night.con.execute(count))
            if table == "responses":
                night.score(target)
    for delivery in freed:
        say(f"    {night.clinic_id}/{delivery.source_file}: come free, loaded")
    return [IntakeResult(file_id, rows=counts) for file_id, counts in rows.items()]
