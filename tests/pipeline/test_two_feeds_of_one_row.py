"""Two feeds of one row: two questionnaires, or the same one twice, which stops its file alone."""

from __future__ import annotations

import pytest

YAML = """\
clinic: clinic
format: delimited
files: "wide*.csv"
feeds:
  - table: clients
    columns: {{client_id: id}}
  - table: responses
    set: {{instrument: phq9, rater: client}}
    columns: {{client_id: id, completed_at: day{more}}}
    items: "a_{{n}}"
  - table: responses
    set: {{instrument: {second}, rater: client}}
    columns: {{client_id: id, completed_at: day{more}}}
    items: "b_{{n}}"
"""
ITEMS = [*(f"a_{n}" for n in range(1, 10)), *(f"b_{n}" for n in range(1, 8))]
HEADER = f"id,day,number,{','.join(ITEMS)}"
ROWS = [f"c{n},2026-01-05,r{n}{',1' * len(ITEMS)}" for n in (1, 2, 3)]


@pytest.mark.parametrize("more", ["", ", response_id: number"])
def test_one_questionnaire_twice_is_refused_and_the_night_goes_on(clinic, more):
    """A copied feed whose instrument was not changed: each row would have the key of another."""
    clinic.configure(YAML.format(second="phq9", more=more))
    clinic.land("wide.csv", *ROWS, header=HEADER)

    assert clinic.night() == {"wide.csv": "refused"}
    assert (
        "3 rows made from the same line as another with the same key"
        in (clinic.reasons["wide.csv"])
    )
    assert clinic.ledger.all_file_tables() == []  # the clients, staged before, are not kept
    assert [*clinic.place.vault.rglob("*.sealed"), *clinic.place.scratch.iterdir()] == []

    clinic.configure(YAML.format(second="gad7", more=more))
    assert clinic.night("v2") == {"wide.csv": "accepted"}
    counts = {row["table_name"]: row["n_received"] for row in clinic.ledger.all_file_tables()}
    assert counts == {"clients": 3, "responses": 6}
