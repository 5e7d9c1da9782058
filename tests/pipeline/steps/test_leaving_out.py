"""Whose rows break a test, and when leaving a clinic out helps."""

import json

import duckdb
import pytest

from pipeline.steps.leaving_out import broken_tests, leave_out
from reports.validation.stopped_page import stopped_since, write_stopped
from transforms.errors import Broken

MODEL = {"name": "fct_made", "schema": "core", "database": "analytics"}


@pytest.fixture
def broken_by(tmp_path):
    """Ask what one failed test says of two clinics' rows."""
    build = tmp_path / "analytics.duckdb"
    with duckdb.connect(str(build)) as con:
        con.execute("create schema core")
        con.execute(
            "create table core.fct_made as select * from (values ('alder', 1), ('birch', 2), "
            "('birch', 2), (null, 4)) as t (clinic_id, key)"
        )

    def ask(query: str, *, status="fail") -> Broken:
        node = {"name": "made_up", "attached_node": "model.made"}
        nodes = {"test.rapport.made_up": node, "model.made": MODEL}
        row = {"unique_id": "test.rapport.made_up", "status": status, "compiled_code": query}
        (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
        (tmp_path / "run_results.json").write_text(json.dumps({"results": [row]}))
        (broken,) = broken_tests(tmp_path, build)
        return broken

    return ask


TWICE = "select clinic_id, 'key' as column_name, 'not unique' as problem from core.fct_made"


@pytest.mark.parametrize(
    ("query", "status", "what", "clinics"),
    [
        ("select clinic_id, 3 as n from core.fct_made where key = 2", "fail", None, ("birch",)),
        (f"{TWICE} where key = 2", "fail", "key not unique", ("birch",)),
        (f"{TWICE} where key < 3", "fail", "key not unique", ("alder", "birch")),
        # A row that is nobody's, a test without clinics, an error: not one clinic's doing.
        (TWICE, "fail", "key not unique", ()),
        ("select 'key' as column_name, 7 as n_orphans", "fail", None, ()),
        (TWICE, "error", None, ()),
        ("select no_such_column from core.fct_made", "fail", None, ()),
    ],
)
def test_a_test_is_asked_what_breaks_it_and_whose_rows(broken_by, query, status, what, clinics):
    broken = broken_by(query, status=status)

    assert (broken.table, broken.what, broken.clinics) == ("core.fct_made", what, clinics)


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
