"""Rule P07 at night: tables of the same input are compared, others are not."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from pipeline.audit.table_hashes import check_repeatable, table_hashes
from pipeline.storage.ledger import Ledger


@pytest.fixture
def nightly(home, tmp_path):
    """A function that "builds" one table in a run and checks it."""
    ledger = Ledger(home)
    (home.lake / "responses").mkdir(parents=True)
    (home.lake / "responses" / "f1.parquet").write_bytes(b"rows")

    def run(run_id: str, rows: str, fingerprint: str = "code-1"):
        ledger.open_run(run_id, datetime(2026, 1, 1), fingerprint)
        path = tmp_path / f"{run_id}.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute("create schema core; create schema quality")
            con.execute(f"create table core.made as select * from (values {rows}) as t(a, b)")
            con.execute(f"create table quality.run as select '{run_id}' as run_id")
        found = check_repeatable(home, run_id, path)
        return found.n_scope, found.n_failed, found.detail

    return run


def test_the_same_input_must_give_the_same_rows(nightly):
    """Order and the last bits of a number do not matter, a row more does."""
    assert nightly("run-1", "('x', 0.1::double), ('y', 0.3::double)") == (0, 0, None)
    assert nightly("run-2", "('y', (0.1::double + 0.2::double)), ('x', 0.1::double)") == (
        1,
        0,
        None,
    )
    assert nightly("run-3", "('x', 0.1::double), ('y', 0.31::double)") == (1, 1, "core.made")
    assert nightly("run-4", "('x', 0.1::double)") == (1, 1, "core.made")


def test_another_input_is_not_compared(nightly, home):
    """Other code, or another file in the lake; what the night writes about quality is no input."""
    nightly("run-1", "('x', 1)")

    assert nightly("run-2", "('x', 2)", fingerprint="code-2") == (0, 0, None)
    (home.lake / "quality" / "more.parquet").write_bytes(b"words")
    assert nightly("run-3", "('x', 1)") == (1, 0, None)
    (home.lake / "responses" / "f2.parquet").write_bytes(b"more rows")
    assert nightly("run-4", "('x', 1)") == (0, 0, None)


def test_two_equal_rows_are_not_one(tmp_path):
    hashes = []
    for name, rows in (("a", "(1)"), ("b", "(1), (1)"), ("c", "(1), (1), (1)")):
        path = tmp_path / f"{name}.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute(f"create schema core; create table core.t as select * from (values {rows})")
        hashes.append(table_hashes(path)["core.t"])

    assert len(set(hashes)) == 3
