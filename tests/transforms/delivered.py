"""Deliver an export to a clinic of its own and read back what would go into the lake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from benchmarks.export_writers import N_ITEMS, Export, Response
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")


def staged_rows(export: Export, folder: Path) -> list[tuple]:
    """Return (client_key, completed_at, item_1 …, bad_cells) of every row."""
    return staged_with_notes(export, folder)[0]


def staged_with_notes(export: Export, folder: Path) -> tuple[list[tuple], list[str]]:
    """Return the rows, and what the reading said about the file.

    Whatever happens, nothing may be left in the scratch folder or in DuckDB.
    """
    landing, scratch, out = folder / "landing", folder / "scratch", folder / "staged.parquet"
    for place in (landing, scratch):
        place.mkdir(exist_ok=True)
    for name, content in {**export.beside, export.name: export.content}.items():
        (landing / name).write_bytes(content)
    with duckdb.connect(config={"threads": 1}) as con:
        try:
            rows, notes = _staged(con, export, landing, scratch, out)
        finally:
            assert list(scratch.iterdir()) == []
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
    return sorted(rows, key=str), notes


def _staged(
    con: duckdb.DuckDBPyConnection, export: Export, landing: Path, scratch: Path, out: Path
) -> tuple[list[tuple], list[str]]:
    path = landing / export.name
    sources = read_export(path, export.clinic, con=con, scratch=scratch)
    rows: list[tuple] = []
    notes = [note.text for source in sources for note in source.notes]
    try:
        for table, mappings in mappings_by_table(export.clinic, path.name, sources).items():
            staged = stage(
                con,
                table,
                mappings,
                export.clinic,
                file_id="f",
                source_file=path.name,
                received_at=datetime(2026, 12, 1),
                key=KEY,
                registry_rows=[],
                out=out,
                identities=out.with_name("identities.parquet"),
            )
            # An item that nobody answered has no row in an item-per-row file, and no column.
            columns = [f"item_{n}" if n in staged.items else "null" for n in range(1, N_ITEMS + 1)]
            items = "".join(f", {column}" for column in columns)
            query = f"select client_key, completed_at{items}, bad_cells from '{out}'"
            rows += con.execute(query).fetchall()
            notes += [note.text for note in staged.notes]
    finally:
        for source in sources:
            source.drop(con)
    return rows, notes


def expected_rows(responses: list[Response]) -> list[tuple]:
    """Return what `staged_rows` must give, with the pseudonyms Python's hmac makes."""
    return sorted(
        (
            (KEY.pseudonym_of(f"client|{r.client_id}"), r.completed_at, *r.items, None)
            for r in responses
        ),
        key=str,
    )
