"""From source rows to staged rows: typed, pseudonymized, with their place in the file.

One SQL projection per feed, one Parquet file per table. Nothing is dropped silently: the
rows written are counted against the rows read. Identifiers and birth dates go into a file of
the vault, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.contract import TABLES, Table
from transforms.errors import BalanceError, FileRefused
from transforms.formats.source import Note, plural
from transforms.instruments.defaults import Defaults, load_defaults
from transforms.intake.column_mapping import ColumnMapping
from transforms.intake.date_order import refuse_unclear_dates
from transforms.intake.identities import KeyTables, write_identities
from transforms.intake.projection import Delivery, projection
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.source_rows import row_filter


@dataclass(frozen=True)
class Staged:
    """One staged Parquet file."""

    table: str
    path: Path
    n_rows: int
    items: tuple[int, ...]
    submitted: tuple[str, ...]
    notes: tuple[Note, ...]


def stage(
    con: duckdb.DuckDBPyConnection,
    table_name: str,
    mappings: list[ColumnMapping],
    clinic: Clinic,
    *,
    file_id: str,
    source_file: str,
    received_at: datetime,
    key: GroupKey,
    registry_rows: list[dict[str, Any]],
    out: Path,
    identities: Path,
    defaults: Defaults | None = None,
) -> Staged:
    """Write the rows of one file that belong to one canonical table.

    Parameters
    ----------
    mappings : list of ColumnMapping
        The feeds of this table, with the sources they read. One source may appear in several.
    registry_rows : list of dict, one per instrument definition
        With instrument_id, version, rater, language and is_default.
    out, identities : Path
        Parquet files to write; both are readable by their owner only.
    defaults : Defaults, optional
        The same registry's defaults, loaded once for many files; they are left there.

    Returns
    -------
    Staged
        Columns of ``out``: `lake_columns(table)`, item_<n> and submitted_<scale> (responses
        only; those the file has), and bad_cells, the canonical columns whose text could not be
        converted (NULL when none).

    Raises
    ------
    BalanceError
        If rows written and rows read differ.
    FileRefused
        F09 if day and month cannot be told apart.
    """
    table = TABLES[table_name]
    delivery = Delivery(clinic, file_id, source_file, received_at)
    items = tuple(sorted({number for mapping in mappings for number in mapping.items}))
    submitted = tuple(sorted({scale for mapping in mappings for scale in mapping.submitted}))
    n_source, n_kept = _count(con, mappings, clinic)
    loaded = defaults or load_defaults(con, registry_rows)
    keys = KeyTables.build(con, table, mappings, clinic, key)
    parts = [
        projection(table, mapping, delivery, keys, loaded, items=items, submitted=submitted)
        for mapping in mappings
    ]
    query = " union all ".join(parts)
    # A table whose every key is looked up hashes nothing itself and takes no parameters.
    n_written = _copy(con, query, key.parameters if "$1" in query else [], out)
    if n_written != n_kept:
        raise BalanceError(
            f"{source_file}, {table_name}: {plural(n_kept, 'row')} read but {n_written:,} written"
        )
    try:
        refuse_unclear_dates(con, table, mappings, clinic, _n_bad_dates(con, table, out))
        write_identities(con, table, mappings, clinic, keys, identities)
    except FileRefused:
        out.unlink()
        raise
    finally:
        keys.drop(con)
        if defaults is None:
            loaded.drop(con)
    notes = tuple(note for mapping in mappings for note in mapping.notes)
    if n_skipped := n_source - n_kept:
        notes += (Note("skipped_rows", f"{plural(n_skipped, 'row')} without any answer left out"),)
    return Staged(table_name, out, n_written, items, submitted, notes)


def _count(
    con: duckdb.DuckDBPyConnection, mappings: list[ColumnMapping], clinic: Clinic
) -> tuple[int, int]:
    """Return how many rows the feeds' filters let through, with and without unanswered ones."""
    n_source = n_kept = 0
    for mapping in mappings:
        chosen = row_filter(mapping, clinic, skip_unanswered=False)
        kept = row_filter(mapping, clinic)
        if chosen == kept == "true":
            n_chosen = n_through = mapping.source.n_rows
        else:
            counted = sql.execute_quietly(
                con,
                f"select count(*) filter (where {chosen}), count(*) filter (where {kept}) "
                f"from {mapping.source.relation}",
                step="counting rows",
            )
            n_chosen, n_through = sql.only_row(counted)
        n_source += n_chosen
        n_kept += n_through
    return n_source, n_kept


def _n_bad_dates(con: duckdb.DuckDBPyConnection, table: Table, out: Path) -> dict[str, int]:
    """Count the dates of the staged rows that could not be converted, by column."""
    names = [column.name for column in table.columns if column.kind in ("date", "timestamp")]
    counts = ", ".join(
        f"count(*) filter (where list_contains(bad_cells, {sql.text(name)}))" for name in names
    )
    if not names:
        return {}
    query = f"select {counts} from read_parquet({sql.text(str(out))}) where bad_cells is not null"
    return dict(zip(names, sql.only_row(con.execute(query)), strict=True))


def _copy(con: duckdb.DuckDBPyConnection, query: str, parameters: list[Any], out: Path) -> int:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    out.touch(mode=0o600)
    target = f"{sql.text(str(out))} (format parquet, compression snappy, use_tmp_file false)"
    copied = sql.execute_quietly(
        con, f"copy ({query}) to {target}", parameters, step="writing staged rows"
    )
    (n_rows,) = sql.only_row(copied)
    return int(n_rows)
