"""Rule P07: what was built from the same lake, configuration and code is the same.

Every night writes down a hash per table, and from what it was built. Two nights rarely have the
same input; a night repeated after a failure has, and then every table must be equal.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.published.measures import Measure
from pipeline.home import Home
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import write_rows
from transforms.sql import name, only_row

RULE = "P07"
SCHEMAS = ("core", "process", "common_factors")
# Larger tables would cost the night seconds; tests/acceptance compares them row by row.
MAX_ROWS = 2_000_000
HASHES = pa.schema(
    [
        ("run_id", pa.string()),
        ("input_hash", pa.string()),
        ("table_name", pa.string()),
        ("n_rows", pa.int64()),
        ("table_hash", pa.string()),
    ]
)


def check_repeatable(home: Home, run_id: str, analytics: Path) -> Measure:
    """Write down this run's hashes and compare them with the latest run from the same input."""
    inputs = input_hash(home, Ledger(home).run(run_id)["fingerprint"])
    now = table_hashes(analytics)
    folder = home.lake / "quality" / "table_hashes"
    before = _same_input(folder, inputs, run_id)
    write_rows(
        folder / f"{run_id}.parquet",
        [
            {"run_id": run_id, "input_hash": inputs, "table_name": table}
            | {"n_rows": n_rows, "table_hash": table_hash}
            for table, (n_rows, table_hash) in now.items()
        ],
        HASHES,
    )
    different = sorted(table for table in before if before[table] != now.get(table))
    detail = ", ".join(different) or None
    return Measure(RULE, None, "published tables", len(before), len(different), detail)


def table_hashes(analytics: Path) -> dict[str, tuple[int, str]]:
    """Return rows and hash per table of the public schemas, whatever the order of the rows.

    Numbers are rounded to six decimals: sums in another order differ in the last bits.
    """
    with duckdb.connect(str(analytics), read_only=True) as con:
        columns: dict[str, list[str]] = {}
        for schema, table, column, kind in con.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where schema_name in (select unnest(?)) order by all",
            [list(SCHEMAS)],
        ).fetchall():
            value = f"round({name(column)}, 6) + 0.0" if kind == "DOUBLE" else name(column)
            columns.setdefault(f"{schema}.{name(table)}", []).append(value)
        found = {}
        for table, values in columns.items():
            (n_rows,) = only_row(con.execute(f"select count(*) from {table}"))
            if n_rows <= MAX_ROWS:
                summed = con.execute(
                    f"select cast(sum(cast(hash({', '.join(values)}) as hugeint)) as varchar) "
                    f"from {table}"
                )
                (total,) = only_row(summed)
                found[table.replace('"', "")] = (n_rows, total or "0")
        return found


def input_hash(home: Home, fingerprint: str) -> str:
    """Return a hash over everything the tables are built from."""
    digest = hashlib.sha256(f"{fingerprint} {duckdb.__version__}".encode())
    for path in sorted(home.lake.rglob("*.parquet")):
        place = path.relative_to(home.lake)
        if place.parts[0] != "quality":
            digest.update(f"{place.as_posix()} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _same_input(folder: Path, inputs: str, run_id: str) -> dict[str, tuple[int, str]]:
    for path in sorted(folder.glob("*.parquet"), reverse=True):
        rows = [] if path.stem == run_id else pq.read_table(path).to_pylist()
        if rows and rows[0]["input_hash"] == inputs:
            return {row["table_name"]: (row["n_rows"], row["table_hash"]) for row in rows}
    return {}
