"""Rule P07: one lake built twice gives the same tables, row by row."""

from __future__ import annotations

import duckdb
import pytest

from pipeline.audit.table_hashes import table_hashes


@pytest.fixture(scope="module")
def built_again(built, dbt, small_lake, tmp_path_factory):
    """The same lake built into another file; its tests have passed once already."""
    folder = tmp_path_factory.mktemp("again")
    leave_out = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    return dbt.build(small_lake.root, folder, *leave_out)


def test_two_builds_of_one_lake_are_equal_row_by_row(built, built_again):
    with duckdb.connect() as con:
        con.execute(f"attach '{built.path}' as one (read_only)")
        con.execute(f"attach '{built_again.path}' as two (read_only)")
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'one' and schema_name <> 'quality' order by 1"
        ).fetchall()
        different = [
            table
            for (table,) in tables
            if con.execute(
                f"select count(*) from ((from one.{table} except all from two.{table}) "
                f"union all (from two.{table} except all from one.{table}))"
            ).fetchone()[0]
        ]

    assert len(tables) >= 20
    assert different == []
    assert table_hashes(built.path) == table_hashes(built_again.path)
