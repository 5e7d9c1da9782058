"""public.duckdb: what may leave the service, made from the tables of the night.

Every number in it went through `transforms.disclosure`; which tables and how, config/disclosure.yml
says. The exact rows behind it lie beside it in ``basis/``, for nobody but the next night: they say
what outsiders have, so that no two releases differ by a few clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.home import REPOSITORY, Home
from pipeline.storage.comments import comment, meanings
from pipeline.storage.duckdb_session import duck, quoted
from transforms.disclosure.control import controlled
from transforms.disclosure.over_time import RUN, SINCE, rows_in_force
from transforms.disclosure.structure import FILE, Structure, Table, read_structure
from transforms.errors import BuildError
from transforms.sql import name
from transforms.statistics.withheld import Record

BASIS = "basis"
_NOTES = [pa.field(RUN, pa.string()), pa.field(SINCE, pa.date32())]


def disclosure(home: Home) -> Structure:
    """Read the site's config/disclosure.yml; where it has none, the one Rapport came with."""
    own = home.config / FILE
    path = own if own.is_file() else REPOSITORY / "config" / FILE
    return read_structure(path.read_text(encoding="utf-8"))


def write_public(home: Home, run_id: str, today: date | None = None) -> int:
    """Write public.duckdb and its basis beside the file being built; return how many tables.

    Raises BuildError when a table has a column whose role nobody declared.
    """
    structure, target = disclosure(home), home.building_public
    basis = target.parent / BASIS
    target.unlink(missing_ok=True)
    basis.mkdir(mode=0o700, exist_ok=True)
    before = _newest_basis(home)
    with duck(home) as con:
        con.execute(f"attach {quoted(home.building)} as tables (read_only)")
        con.execute(f"attach {quoted(target)} as public")
        rows = con.execute("select clinic_id, clinic_group from tables.core.dim_clinics")
        clinics = dict(rows.fetchall())
        for place, table in structure.tables.items():
            found = con.execute(f"select * from tables.{place} order by all").to_arrow_table()
            check_roles(place, found.column_names, table)
            day = today or datetime.now(UTC).date()
            exact = _in_force(before, place, found, table, structure, run_id, day)
            pq.write_table(exact, basis / f"{place}.parquet")
            public = controlled(exact.to_pylist(), table, clinics, structure.policy)
            _create(con, place, public, found.schema, table)
        for place in structure.beside:
            _create_schema(con, place)
            con.execute(f"create table public.{place} as from tables.{place}")
        _comment(con, structure)
        con.execute("detach public")
    return len(structure.tables)


def check_roles(place: str, columns: Sequence[str], table: Table) -> None:
    """Refuse a table whose columns are not those of config/disclosure.yml."""
    roles = table.roles
    unknown, gone = sorted({*columns} - {*roles}), sorted({*table.public_columns} - {*columns})
    if unknown or gone:
        what = [f"no role for {', '.join(unknown)}"] if unknown else []
        what += [f"roles for {', '.join(gone)}, which it lacks"] if gone else []
        raise BuildError(f"{FILE}: {place} has {'; '.join(what)}. Say what each column may tell.")


def _in_force(
    before: Path | None,
    place: str,
    found: pa.Table,
    table: Table,
    structure: Structure,
    run_id: str,
    today: date,
) -> pa.Table:
    """Return the exact rows outsiders get from tonight: new ones, or those they have."""
    schema = pa.schema([*found.schema, *_NOTES])
    path = before / f"{place}.parquet" if before else None
    old = pq.read_table(path).to_pylist() if path and path.is_file() else []
    if old and {*old[0]} != {*schema.names}:
        old = []  # another version of the table: no row of it can stay
    rows = rows_in_force(found.to_pylist(), old, table, structure.policy, run_id, today)
    return pa.Table.from_pylist(rows, schema=schema)


def _newest_basis(home: Home) -> Path | None:
    """Return what outsiders got last: of the newest release, also after a rollback."""
    found = sorted(home.releases.glob(f"[!.]*/{BASIS}"), reverse=True)
    return found[0] if found else None


def _create(
    con: duckdb.DuckDBPyConnection, place: str, rows: list[Record], schema: pa.Schema, table: Table
) -> None:
    kept = pa.schema([field for field in schema if field.name not in table.left_out])
    told = [{column: row[column] for column in kept.names} for row in rows]
    _create_schema(con, place)
    con.register("told", pa.Table.from_pylist(told, schema=kept))
    order = ", ".join(map(name, ("scope_level", "scope_id", *table.keys)))
    con.execute(f"create table public.{place} as from told order by {order}")
    con.unregister("told")


def _comment(con: duckdb.DuckDBPyConnection, structure: Structure) -> None:
    said = meanings(con, "tables")
    for place in (*structure.tables, *structure.beside):
        table = structure.tables.get(place)
        comment(con, f"public.{place}", said[place], table.left_out if table else ())


def _create_schema(con: duckdb.DuckDBPyConnection, place: str) -> None:
    con.execute(f"create schema if not exists public.{place.split('.')[0]}")
