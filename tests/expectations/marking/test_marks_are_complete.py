"""Every broken row is marked, however many there are, and takes along what refers to it."""

import duckdb
import pytest

from expectations.catalogue import Catalogue, load_rules
from tests.expectations.hand_made import key

RULES = load_rules()


@pytest.mark.parametrize("n_rows", [201, 10_001])
def test_marks_are_never_cut_off(delivery, n_rows):
    """Great Expectations would stop at 200 rows; a row without any key is marked as well."""
    (path,) = delivery._stage("responses")
    with duckdb.connect() as con:
        con.execute(f"create table forms as from '{path}' limit 1")
        con.execute(
            f"create table many as select forms.* replace (uuid() as response_key,"
            f" 6.0 as item_7, (n + 2)::bigint as source_line) from forms, range({n_rows}) as r(n)"
        )
        con.execute("update many set response_key = null where source_line = 2")
        con.execute(f"copy many to '{path}' (format parquet)")
    delivery._stage = lambda table, own=delivery._stage: (
        [path] if table == "responses" else own(table)
    )

    delivery.mark(Catalogue(rules=(RULES.rule("S04"),)))

    assert delivery.count("S04") == (n_rows, n_rows)
    assert len(delivery.marks) == n_rows
    assert sum(mark["row_key"] is None for mark in delivery.marks) == 1


@pytest.mark.parametrize(
    ("table", "row", "broken", "rules"),
    [
        ("clients", "anna", {"bad_cells": ["birth_date"]}, {"E13", "N01", "S02"}),
        ("therapists", "t1", {"bad_cells": ["valid_from"]}, {"E13", "N01", "S02"}),
        ("episodes", "e1", {"bad_cells": ["start_date"]}, {"N01", "S02"}),
        ("sessions", "s1", {"bad_cells": ["session_at"]}, {"S02"}),
    ],
)
def test_what_refers_to_a_quarantined_row_goes_with_it(delivery, table, row, broken, rules):
    """Client, therapist, episode, session: no orphan flows on, over all generations."""
    delivery.change(table, row, **broken)
    # Half of the sessions are broken: without this their file would be rejected with all its rows.
    kept = tuple(
        rule.model_copy(update={"threshold": 1.0})
        for rule in RULES.rules
        if rule.id in {"F10", "E13", "N01", "S02"}
    )

    delivery.mark(Catalogue(rules=kept))

    assert set(delivery.failing()) == {"F10"} | rules
    assert ("r1", "session_id") in delivery.marked("S02")
    assert key("r3") not in {str(m["row_key"]) for m in delivery.marks}
