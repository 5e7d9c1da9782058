"""One file per reader: what a role must not see is not in its file.

``quality.duckdb`` has rules, counts, files and lines for the QA lead; ``clinics/<clinic>.duckdb``
has the rows of one clinic. Both are cut from the tables of the night, beside which they lie.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import duckdb

from pipeline.home import Home
from pipeline.steps.public_file import disclosure
from pipeline.storage.comments import Meaning, comment, meanings
from pipeline.storage.duckdb_session import duck, quoted
from transforms.sql import name

QUALITY_FILE, CLINICS = "quality.duckdb", "clinics"
# What tells the QA lead's rows apart. Their own tables stand in the schema main: DuckDB calls the
# opened file ``quality``, so that ``quality.dq_balance`` is found there as in the whole file.
QUALITY_BESIDE = ("core.dim_clinics", "core.dim_instruments")


def write_role_files(home: Home) -> int:
    """Write the QA lead's file and one per clinic beside the file being built; return how many."""
    folder = home.building.parent
    with duck(home) as con:
        con.execute(f"attach {quoted(home.building)} as tables (read_only)")
        columns, said = _columns(con), meanings(con, "tables")
        quality = [table for table in columns if table.startswith("quality.")]
        wanted = dict.fromkeys([*quality, *QUALITY_BESIDE], "true")
        _write(con, folder / QUALITY_FILE, wanted, said, main="quality")
        rows = con.execute("select clinic_id from tables.core.dim_clinics order by 1").fetchall()
        (folder / CLINICS).mkdir(exist_ok=True)
        declared = disclosure(home)
        reference = {
            table: _columns_in_sql(counts, declared.policy.threshold)
            for table, counts in declared.clinic_reference.items()
        }
        for (clinic,) in rows:
            own = {
                table: condition
                for table, has in columns.items()
                if (condition := _of_clinic(table, has, clinic, reference))
            }
            _write(con, folder / CLINICS / f"{clinic}.duckdb", own, said, columns_of=reference)
    return 1 + len(rows)


def _of_clinic(
    table: str, columns: list[str], clinic: str, reference: Collection[str]
) -> str | None:
    """Return which rows of a table are a clinic's own; None for a table that pools clinics."""
    if table in reference:
        return "true"
    if "scope_level" in columns:
        return f"scope_level = 'clinic' and scope_id = {quoted(clinic)}"
    return f"clinic_id = {quoted(clinic)}" if "clinic_id" in columns else None


def _columns_in_sql(counts: Sequence[str], threshold: int) -> str:
    """Return the columns of a table of all clinics, these counts only from the threshold on."""
    shown = [f"case when {name(c)} >= {threshold} then {name(c)} end as {name(c)}" for c in counts]
    return f"* replace ({', '.join(shown)})" if shown else "*"


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    rows = con.execute(
        "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
        "where database_name = 'tables' and not internal group by all order by all"
    ).fetchall()
    return dict(rows)


def _write(
    con: duckdb.DuckDBPyConnection,
    target: Path,
    rows_of: Mapping[str, str],
    said: Mapping[str, Meaning],
    main: str = "main",
    columns_of: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write these rows into a file of their own; the schema ``main`` becomes its first."""
    target.unlink(missing_ok=True)
    con.execute(f"attach {quoted(target)} as role")
    for table, condition in rows_of.items():
        schema, own = table.split(".")
        schema = "main" if schema == main else schema
        con.execute(f"create schema if not exists role.{name(schema)}")
        place = f"role.{name(schema)}.{name(own)}"
        con.execute(
            f"create table {place} as "
            f"select {columns_of.get(table, '*')} from tables.{table} where {condition}"
        )
        comment(con, place, said[table])
    con.execute("detach role")
