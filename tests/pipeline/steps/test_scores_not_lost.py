"""A file that lost an item column, or answers, replaces no score unasked; a stored 0 is none."""

from __future__ import annotations

import pytest

YAML = """clinic: clinic
format: delimited
{more}feeds:
  - table: responses
    set: {{instrument: wai_sr, rater: client}}
    columns: {{client_id: id, completed_at: day}}
    items: "WAI-SR_{{n}}"
  - table: responses
    set: {{instrument: phq9, rater: client}}
    columns: {{client_id: id, completed_at: day}}
    items: "PHQ_{{n}}"
    submitted: {{total: PHQ_total}}
"""
WAI = [f"WAI-SR_{n:02}" for n in range(1, 13)]
PHQ = [f"PHQ_{n}" for n in range(1, 10)]
COLUMNS = ["id", "day", *WAI, *PHQ, "PHQ_total"]


def rows(n: int, **changed: str) -> list[dict[str, str]]:
    """Return complete forms of n clients; of the first, cells as changed."""
    made = []
    for number in range(n):
        row = {"id": f"c{number}", "day": "2026-01-05 10:00", "PHQ_total": "9"}
        row |= {name: str(1 + (number + place) % 5) for place, name in enumerate(WAI)}
        made.append(row | dict.fromkeys(PHQ, "1"))
    made[0] |= changed
    return made


@pytest.fixture
def land(clinic):
    """Land rows as a wide file, without the columns named."""

    def write(file: str, made: list[dict[str, str]], *lost: str) -> None:
        kept = [column for column in COLUMNS if column not in lost]
        cells = [",".join(row[column] for column in kept) for row in made]
        clinic.land(file, *cells, header=",".join(kept))

    clinic.configure(YAML.format(more=""))
    return write


@pytest.fixture
def scored(clinic):
    """Return how many current forms of each instrument have a total."""

    def count() -> dict[str, int]:
        lake = clinic.place.lake
        gone = sorted((lake / "superseded" / "responses").glob("clinic=clinic/*.parquet"))
        without = (
            f"where (response_key, file_id) not in (select (row_key, file_id) from "
            f"read_parquet('{lake}/superseded/responses/clinic=clinic/*.parquet'))"
            if gone
            else ""
        )
        query = "select instrument_id, count(score) filter (where scale = 'total')::int "
        query += f"from read_parquet('{lake}/scores/clinic=clinic/*.parquet') {without} group by 1"
        return dict(clinic.ask(query))

    return count


def states(clinic, *rules: str) -> dict[str, tuple]:
    path = clinic.place.lake / "quality" / "rule_results" / f"run{clinic.nights}.parquet"
    found = clinic.ask(f"select rule_id, state, n_failed from '{path}' order by n_failed")
    return {rule: (state, n) for rule, state, n in found if rule in rules}


def test_a_lost_column_holds_its_instrument_and_no_other(clinic, land, scored):
    land("w_1.csv", rows(6))
    clinic.night()
    land("w_2.csv", rows(8), "WAI-SR_07")

    assert clinic.night() == {"w_2.csv": "accepted"}
    assert scored() == {"wai_sr": 6, "phq9": 8}
    assert states(clinic, "S34", "S35") == {"S34": ("fail", 8), "S35": ("pass", 0)}
    held = clinic.place.lake / "quality" / "quarantine" / "clinic" / "*.parquet"
    assert clinic.ask(f"select distinct rule_id, reason from '{held}' where takes_row_out") == [
        ("S34", "feed 1 of the clinic's YAML has no column for item 7 of wai_sr")
    ]


def test_a_first_file_that_lacks_a_column_is_no_exception(clinic, land, scored):
    land("w_1.csv", rows(3), "WAI-SR_07")
    clinic.night()

    assert scored() == {"phq9": 3}
    assert states(clinic, "S34") == {"S34": ("fail", 3)}


def test_answers_taken_away_ask_first(clinic, land, scored):
    land("w_1.csv", rows(6))
    clinic.night()
    land("w_2.csv", rows(6, **dict.fromkeys(WAI, "")))

    assert clinic.night() == {"w_2.csv": "rejected"}
    assert "1 of 12 break it" in clinic.reasons["w_2.csv"]
    assert scored() == {"wai_sr": 6, "phq9": 6}

    clinic.configure(YAML.format(more="accept_form_change: [w_2.csv]\n"))
    assert clinic.night("v2") == {"w_2.csv": "accepted"}
    assert scored() == {"wai_sr": 5, "phq9": 6}


def test_a_blank_form_with_the_formulas_zero_has_no_score(clinic, land):
    blank = dict.fromkeys(PHQ, "")
    land("w_1.csv", rows(3, **blank, PHQ_total="0"))
    # A total somebody wrote down without the answers is none a formula makes.
    other = [row | {"id": "d1", "day": "2026-01-06 10:00"} for row in rows(1, **blank)]
    land("w_2.csv", [other[0] | {"PHQ_total": "14"}])
    clinic.night()

    path = clinic.place.lake / "scores" / "clinic=clinic" / "*.parquet"
    found = clinic.ask(
        "select score, n_answered, score_source, submitted_score "
        f"from read_parquet('{path}') where instrument_id = 'phq9' and n_answered = 0 "
        "and scale = 'total' order by 4"
    )
    assert found == [(None, 0, "computed", 0.0), (14.0, 0, "submitted", 14.0)]
    assert states(clinic, "S36") == {"S36": ("fail", 1)}
