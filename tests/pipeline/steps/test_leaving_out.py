"""Whose rows break a test, and when leaving a clinic out helps."""

import json

import duckdb
import pytest

from pipeline.steps.leaving_out import broken_tests, leave_out
from reports.validation.stopped_page import stopped_since, write_stopped
from transforms.errors import Broken

MODEL = {"name": "fct_made", "schema": "core", "database": "analytics"}


@pytest.fixture
def clinics_of(tmp_path):
    """Ask for the clinics of one failed test over two clinics' rows."""
    build = tmp_path / "analytics.duckdb"
    with duckdb.connect(str(build)) as con:
        con.execute("create schema core")
        con.execute(
            "create table core.fct_made as select * from (values ('alder', 1, 'a'), "
            "('birch', 2, 'b'), ('birch', 2, 'b'), (null, 4, 'x')) as t (clinic_id, key, word)"
        )

    def ask(query: str, *, column=None, status="fail", attached=True) -> tuple[str, ...]:
        node = {"name": "made_up", "test_metadata": {"kwargs": {"column_name": column}}}
        node |= {"attached_node": "model.made"} if attached else {}
        nodes = {"test.rapport.made_up": node, "model.made": MODEL}
        row = {"unique_id": "test.rapport.made_up", "status": status, "compiled_code": query}
        (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
        (tmp_path / "run_results.json").write_text(json.dumps({"results": [row]}))
        (broken,) = broken_tests(tmp_path, build)
        return broken.clinics

    return ask


UNIQUE = "select key as unique_field, count(*) as n from core.fct_made group by 1 having n > 1"


@pytest.mark.parametrize(
    ("query", "options", "clinics"),
    [
        ("select clinic_id, 3 as n from core.fct_made where key = 2", {}, ("birch",)),
        (UNIQUE, {"column": "key"}, ("birch",)),
        ("select word as value_field, 1 as n from core.fct_made where word = 'a'",
         {"column": "word"}, ("alder",)),
        ("select key, word, count(*) as n_rows from core.fct_made where key < 3 group by all",
         {}, ("alder", "birch")),
        # A row that is nobody's, a test without rows' keys, an error: not one clinic's doing.
        ("select clinic_id from core.fct_made", {}, ()),
        ("select 'key' as column_name, 7 as n_orphans", {}, ()),
        (UNIQUE, {"column": "key", "attached": False}, ()),
        (UNIQUE, {"column": "key", "status": "error"}, ()),
        ("select no_such_column from core.fct_made", {}, ()),
    ],
)  # fmt: skip
def test_a_test_is_asked_whose_rows_break_it(clinics_of, query, options, clinics):
    assert clinics_of(query, **options) == clinics


@pytest.mark.parametrize("clinics", [(), ("alder",)])
def test_what_has_no_clinic_or_every_clinic_stops_the_night(home, clinics):
    """An empty ledger has no other clinic that could be published."""
    assert not leave_out(home, "2026-01-01T00-00-00Z", [Broken("P01 rows", None, None, clinics)])


def test_a_stopped_run_has_a_page_with_promise_table_column_and_clinic(tmp_path):
    broken = [Broken("unique", "core.fct_made", "key", ("birch",)), Broken("<b>", None, None)]

    page = write_stopped(tmp_path, "2026-01-02T02-00-00Z", broken).read_text(encoding="utf-8")

    assert all(word in page for word in ("unique", "core.fct_made", "key", "birch"))
    assert "&lt;b&gt;" in page
    assert stopped_since(tmp_path, "2026-01-01T02-00-00Z") == ["2026-01-02T02-00-00Z"]
    assert stopped_since(tmp_path, "2026-01-03T02-00-00Z") == []
