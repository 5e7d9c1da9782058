"""Erasing one person from everything outside landing/, in steps that may be repeated.

`begin` writes down in the vault what is to go, before anything goes; `purge` takes it out of
vault, lake, quarantine, ledger, work, pages, logs and releases; a night publishes anew; `certify`
drops the releases before it, searches every byte, and keeps a keyed hash by which the person stays
out. docs/adr/0041-erasure-is-proved-by-a-search.md has the reasons.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipeline.audit.search import Found, Wanted, landing_files, redact, search
from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps.publish import published_run, releases
from pipeline.steps.quality_tables import write_quality_tables
from pipeline.steps.report_page import write_index
from pipeline.storage.configuration import read_clinic
from pipeline.storage.duckdb_session import duck, quoted
from pipeline.storage.form_profiles import profile_what_is_left
from pipeline.storage.ledger import Ledger
from pipeline.storage.merged_clients import merged_with
from pipeline.storage.parquet import copy_query
from pipeline.storage.roles import hand_over, read_roles
from pipeline.vault import erased, identities
from pipeline.vault.erased import Erasure
from pipeline.vault.keys import open_vault
from pipeline.vault.pages import drop_pages
from transforms.contract import TABLES
from transforms.errors import BuildError, NothingToDoError
from transforms.formats.source import plural
from transforms.intake.client_ids import visible
from transforms.intake.pseudonyms import GroupKey
from transforms.sql import name, only_row, text
from transforms.statistics.withheld import Record

_BLANKS = " \t\n\r\xa0"  # what `transforms.cells.cleaned` trims
_NOT_THEIRS = ("therapist_key", "therapist_row_key", "group_key")


@dataclass(frozen=True)
class Certificate:
    """What is said of an erasure: counts and places, never who."""

    number: str
    clinic_id: str
    release: str
    n_loaded: int
    n_quarantined: int
    n_files: int
    searched: Found
    is_identifier_searched: bool
    still_in_landing: tuple[str, ...]


def begin(home: Home, ledger: Ledger, clinic_id: str, client_id: str) -> Erasure:
    """Write down what is held of a person, or return the erasure that broke off.

    Raises
    ------
    NothingToDoError
        Nothing is held under this identifier, and nothing ever was erased.
    """
    key = GroupKey.derive(open_vault(home).pseudonyms, read_clinic(home, clinic_id).group)
    with duck(home) as con:  # as intake sees it: one Unicode form, nothing invisible
        seen = only_row(con.execute(f"select {visible('$id')}", {"id": client_id.strip(_BLANKS)}))
    client_id = str(seen[0])
    client_key = key.pseudonym_of(f"client|{client_id}")
    stone = erased.tombstone_of(key, client_key)
    for going_on in erased.under_way(home):
        if going_on.tombstone == stone:
            return going_on
    erasure = Erasure(stone, clinic_id, client_id, str(client_key))
    with duck(home) as con:
        is_held = _is_held(con, home, erasure.client_key)
        if not is_held and not erased.is_known(home, stone):
            raise NothingToDoError(
                f"erase: nothing is held of a client of {clinic_id} with this identifier. Write it "
                "exactly as the clinic's export does. Nothing was changed."
            )
        if others := merged_with(con, home, client_key):
            say(
                f"erase: this client stands under {plural(others, 'other identifier')} as well "
                "(merged). What stands under those stays until they are erased too."
            )
        erasure.is_purged = not is_held  # erased before: only to be proved once more
        erasure.keys = _keys(con, home, erasure.client_key)
        erasure.counts, erasure.lines = _counts(con, home, ledger, erasure.client_key)
    erased.write(home, erasure)
    return erasure


def purge(home: Home, ledger: Ledger, erasure: Erasure) -> None:
    """Take the person out of everything but landing/; repeated, it goes on where it broke off."""
    if erasure.is_purged:
        return
    theirs = {erasure.client_key, *erasure.keys}
    with duck(home) as con:
        _rewrite_parquet(con, home, theirs)
        identities.forget(con, home, lambda relation: _is_theirs(con, relation, theirs))
        _forget_lines(con, home, erasure)
        for row in erasure.counts:
            profile_what_is_left(con, home, row["clinic_id"], row["file_id"])
        ledger.set_counts(erasure.counts)
        write_quality_tables(con, home, ledger)
    for run_id in releases(home):
        if run_id == published_run(home):
            for file in sorted(home.release(run_id).parent.rglob("[!.]*.duckdb")):
                _rewrite_release(file, theirs)
            hand_over(home.release(run_id).parent, read_roles(home))
        else:
            shutil.rmtree(home.release(run_id).parent)
    _drop_pages(home)
    shutil.rmtree(home.root / "work", ignore_errors=True)
    wanted = Wanted.of(erasure.client_key, erasure.keys, erasure.client_id)
    for path in (home.root / "airflow").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".db":
            redact(path, wanted)
    erasure.is_purged = True
    erasure.purged_before = max((run["run_id"] for run in ledger.all_runs()), default="")
    erased.write(home, erasure)


def resume(home: Home, ledger: Ledger) -> None:
    """Finish purging what an erasure that broke off began."""
    for erasure in erased.under_way(home):
        purge(home, ledger, erasure)


def needs_release(home: Home) -> bool:
    """Say whether a release is to be made for an erasure, also when nothing new came."""
    now = published_run(home) or ""
    return any(now <= one.purged_before for one in erased.under_way(home))


def certify(home: Home, erasure: Erasure, at: datetime) -> Certificate:
    """Prove by a search that nothing is left, and close the erasure.

    Raises
    ------
    BuildError
        No release was published since, or something is left; the places are named.
    """
    release = published_run(home) or ""
    if release <= erasure.purged_before:
        raise BuildError(
            "erase: the person is out of every table, page and log, and of the published release; "
            "but no new release was published, so what is counted and averaged in it still has "
            "them. See the night's message, `rapport run`, then give this command again."
        )
    for run_id in releases(home):  # the difference of two releases would show one person's scores
        if run_id != release:
            shutil.rmtree(home.release(run_id).parent)
            for folder in (home.reports / run_id, home.reports / f"data_docs-{run_id}"):
                shutil.rmtree(folder, ignore_errors=True)
    write_index(home)
    wanted = Wanted.of(erasure.client_key, erasure.keys, erasure.client_id)
    own = erased.sealed_path(home, erasure.tombstone)
    found = search(home, wanted, leaving_out=[own])
    if found.places:
        raise BuildError(
            f"erase: {len(found.places)} file(s) still hold the person, such as "
            f"{', '.join(found.places[:5])}. The erasure is not finished; report this as a defect."
        )
    erased.close(home, erasure.tombstone, f"{at:%Y-%m-%d}")
    return Certificate(
        number=secrets.token_hex(8),
        clinic_id=erasure.clinic_id,
        release=release,
        n_loaded=sum(row["loaded"] for row in erasure.counts),
        n_quarantined=sum(row["quarantined"] for row in erasure.counts),
        n_files=len({(row["clinic_id"], row["file_id"]) for row in erasure.counts}),
        searched=found,
        is_identifier_searched=wanted.identifier is not None,
        still_in_landing=tuple(landing_files(home, wanted)),
    )


def _of_persons(home: Home) -> Iterator[tuple[str, Path]]:
    """Yield every Parquet file that has rows of clients, with its canonical table."""
    for table in TABLES:
        for root in (home.lake, home.quarantine):
            for path in sorted((root / table).glob("clinic=*/*.parquet")):
                yield table, path


def _is_held(con: duckdb.DuckDBPyConnection, home: Home, client_key: str) -> bool:
    paths = [path for table, path in _of_persons(home) if table != "therapists"]
    if any(_count(con, path, client_key) for path in paths):
        return True
    with identities.identities(con, home, "*") as identified:
        query = f"select 1 from {identified} where client_key = {text(client_key)}::uuid limit 1"
        return identified is not None and bool(con.execute(query).fetchall())


def _keys(con: duckdb.DuckDBPyConnection, home: Home, client_key: str) -> list[str]:
    """Return the keys of the person's rows, wherever, that no row of somebody else has too."""
    con.execute("create or replace temp table theirs (key varchar)")
    con.execute("create or replace temp table others (key varchar)")
    whose = f"client_key::varchar = {text(client_key)}"
    for relation, columns in _relations_of_persons(con, home):
        for column in columns:
            con.execute(
                f"insert into theirs select distinct {column}::varchar from {relation} "
                f"where {whose} and {column} is not null"
            )
    for relation, columns in _relations_of_persons(con, home):
        for column in columns:
            con.execute(
                f"insert into others select distinct {column}::varchar from {relation} "
                f"where not ({whose}) and {column}::varchar in (select key from theirs)"
            )
    rows = con.execute("select key from theirs except select key from others order by all")
    return [key for (key,) in rows.fetchall() if key != client_key]


def _relations_of_persons(
    con: duckdb.DuckDBPyConnection, home: Home
) -> Iterator[tuple[str, list[str]]]:
    """Yield each relation with a client_key, and its key columns: lake, quarantine, releases."""
    for _, path in _of_persons(home):
        relation = f"read_parquet({quoted(path)}, hive_partitioning = false)"
        if columns := _key_columns(con, relation):
            yield relation, columns
    for run_id in releases(home):
        con.execute(f"attach {quoted(home.release(run_id))} as kept (read_only)")
        try:
            for schema, table in _tables(con, "kept"):
                relation = f"kept.{name(schema)}.{name(table)}"
                if columns := _key_columns(con, relation):
                    yield relation, columns
        finally:
            con.execute("detach kept")


def _key_columns(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    kinds = {
        column: kind
        for column, kind, *_ in con.execute(f"describe select * from {relation}").fetchall()
    }
    if "client_key" not in kinds:
        return []
    return [
        column for column, kind in kinds.items() if kind == "UUID" and column not in _NOT_THEIRS
    ]


def _counts(
    con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, client_key: str
) -> tuple[list[Record], list[list[Any]]]:
    """Return what the ledger is to say per file and table, and where rows lie in quarantine."""
    gone: dict[tuple[str, str, str], dict[str, int]] = {}
    lines: list[list[Any]] = []
    for table, path in _of_persons(home):
        if table == "therapists" or not (n_rows := _count(con, path, client_key)):
            continue
        key = path.parent.name.removeprefix("clinic="), path.stem, table
        kind = "loaded" if path.is_relative_to(home.lake) else "quarantined"
        gone.setdefault(key, {"loaded": 0, "quarantined": 0})[kind] = n_rows
        if kind == "quarantined":
            rows = con.execute(
                f"select source_line from read_parquet({quoted(path)}) "
                f"where client_key::varchar = {text(client_key)}"
            )
            lines += [[table, path.stem, line] for (line,) in rows.fetchall()]
    counts = []
    for row in ledger.all_file_tables():
        if counted := gone.get((row["clinic_id"], row["file_id"], row["table_name"])):
            loaded, quarantined = counted["loaded"], counted["quarantined"]
            changed = {"n_accepted": row["n_accepted"] - loaded}
            changed |= {"n_quarantined": row["n_quarantined"] - quarantined}
            changed |= {"n_erased": row["n_erased"] + loaded + quarantined}
            counts.append(row | changed | counted)
    return counts, lines


def _count(con: duckdb.DuckDBPyConnection, path: Path, client_key: str) -> int:
    relation = f"read_parquet({quoted(path)}, hive_partitioning = false)"
    columns = {
        column for column, *_ in con.execute(f"describe select * from {relation}").fetchall()
    }
    # A row that merges another identifier into the person's goes with the person.
    persons = columns & {"client_key", "merged_into_key"}
    theirs = " or ".join(f"{column} = {text(client_key)}::uuid" for column in sorted(persons))
    found = con.execute(f"select count(*) from {relation} where {theirs}")
    n_rows: int = only_row(found)[0]
    return n_rows


def _rewrite_parquet(con: duckdb.DuckDBPyConnection, home: Home, theirs: set[str]) -> None:
    """Write every Parquet file outside landing/ anew that has one of these keys in any column."""
    for path in sorted(home.root.rglob("*.parquet")):
        if any(map(path.is_relative_to, (home.landing, home.vault, home.root / "work"))):
            continue
        relation = f"read_parquet({quoted(path)}, hive_partitioning = false)"
        is_theirs = _is_theirs(con, relation, theirs) or "false"
        if only_row(con.execute(f"select count(*) from {relation} where {is_theirs}"))[0]:
            copy_query(con, f"select * from {relation} where not ({is_theirs})", path)
            path.chmod(0o600)


def _is_theirs(con: duckdb.DuckDBPyConnection, relation: str, theirs: set[str]) -> str:
    """Return the SQL condition for rows with one of these keys; empty without a column of keys."""
    keys = ", ".join(f"{text(key)}::uuid" for key in sorted(theirs))
    columns = [
        column
        for column, kind, *_ in con.execute(f"describe select * from {relation}").fetchall()
        if kind == "UUID"
    ]
    return " or ".join(f"coalesce({name(column)} in ({keys}), false)" for column in columns)


def _forget_lines(con: duckdb.DuckDBPyConnection, home: Home, erasure: Erasure) -> None:
    """Forget findings about rows without a key; those with one went with their key."""
    lines_of: dict[tuple[str, str], list[str]] = {}
    for table, file_id, line in erasure.lines:
        lines_of.setdefault((table, file_id), []).append(str(line))
    for (table, file_id), lines in lines_of.items():
        for path in (home.lake / "quality" / "quarantine").glob(f"*/*_{file_id}_{table}.parquet"):
            copy_query(
                con,
                f"select * from read_parquet({quoted(path)}) "
                f"where row_key is not null or source_line not in ({', '.join(lines)})",
                path,
            )


def _rewrite_release(release: Path, theirs: set[str]) -> None:
    """Write a release anew without these keys; who reads the old file finishes undisturbed.

    A new file, as DuckDB leaves the bytes of deleted rows where they were.
    """
    old, new = (release.with_name(f".{kind}.duckdb") for kind in ("erasing", "erased"))
    for path in (old, new):
        path.unlink(missing_ok=True)
    shutil.copyfile(release, old)
    with duckdb.connect() as con:
        con.execute(f"attach {quoted(old)} as old")
        for schema, table in _tables(con, "old"):
            relation = f"old.{name(schema)}.{name(table)}"
            if is_theirs := _is_theirs(con, relation, theirs):
                con.execute(f"delete from {relation} where {is_theirs}")
        con.execute(f"attach {quoted(new)} as new")
        con.execute("copy from database old to new")
        con.execute("detach old")
        con.execute("detach new")
    new.chmod(release.stat().st_mode & 0o777)
    os.replace(new, release)
    old.unlink()


def _tables(con: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str]]:
    return con.execute(
        "select schema_name, table_name from duckdb_tables() "
        f"where database_name = {text(database)} order by all"
    ).fetchall()


def _drop_pages(home: Home) -> None:
    """Delete the pages of every run and of the morning; the next ones write their own."""
    drop_pages(home)
    for path in home.reports.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    write_index(home)
