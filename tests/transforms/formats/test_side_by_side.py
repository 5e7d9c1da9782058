"""Two files joined by row: only where both are known to have the same rows in the same order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pytest

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.intake.column_mapping import map_columns
from transforms.intake.read_file import read_export
from transforms.statistics.reliability import ItemMoments, cronbach_alpha

FEED = {
    "table": "responses",
    "set": {"instrument": "phq9", "rater": "client", "completed_at": "2026-01-01"},
    "columns": {"client_id": "_row"},
    "items": ["D1"],
}
ANSWERS = "D1,BMI\n1,20.50\n,\n2,31\n3,18\n"
PEOPLE = "Height,BMI,Age\n170,20.5,30\n160,31,40\n,,\n180,18,50\n"


@pytest.fixture
def read(con, tmp_path):
    """Write both files and read the first; return rows of chosen columns and notes."""

    def run(answers: str, people: str | None, *columns: str):
        (tmp_path / "answers.csv").write_text(answers)
        if people is not None:
            (tmp_path / "people.csv").write_text(people)
        clinic = Clinic(
            clinic="harbor", format="delimited", feeds=[FEED], beside={"file": "people*.csv"}
        )
        assert clinic.is_export("answers.csv")
        assert not clinic.is_export("people.csv")
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        (source,) = read_export(tmp_path / "answers.csv", clinic, con=con, scratch=scratch)
        chosen = f"select {', '.join(columns)} from {source.relation} order by _line"
        rows = con.execute(chosen).fetchall()
        source.drop(con)
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
        return rows, {note.kind: note.text for note in source.notes}

    return run


def test_rows_are_joined_in_order_and_keep_their_lines(read):
    """Rows without a cell count in neither file; the same number may be written in two ways."""
    rows, notes = read(ANSWERS, PEOPLE, "D1", "Age", "BMI", "_row", "_line")

    assert rows == [("1", "30", "20.50", "1", 2), ("2", "40", "31", "2", 4),
                    ("3", "50", "18", "3", 5)]  # fmt: skip
    assert notes["joined_rows"] == "3 rows of two files joined by row, which agree in BMI"


@pytest.mark.parametrize(
    ("answers", "people", "said"),
    [
        (ANSWERS + "4,19\n", PEOPLE, "4 rows and the one beside it 3 rows"),
        (ANSWERS, "BMI\n31\n20.5\n18\n", "column BMI, and 2 rows differ"),
        (ANSWERS, "BMI\n20.5\n31\n\n", "3 rows and the one beside it 2 rows"),
        (ANSWERS, PEOPLE.replace("Height", "_row"), "called _row"),
        (ANSWERS, None, "no file people*.csv beside"),
    ],
)
def test_files_that_are_not_of_one_order_are_refused(read, con, answers, people, said):
    with pytest.raises(FileRefused) as refusal:
        read(answers, people, "D1")

    assert said in refusal.value.what
    assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)


PSYCHOLOGY = Clinic(
    clinic="campus",
    format="delimited",
    files="Psychological*.csv",
    beside={"file": "Demography*.csv"},
    feeds=[
        {
            "table": "responses",
            "set": {"instrument": name, "rater": "client", "completed_at": "2026-01-01"},
            "columns": {"client_id": "_row"},
            "items": f"{letter}{{n}}",
        }
        for name, letter in (("phq9", "D"), ("gad7", "A"), ("pss10", "S"))
    ],
)


@pytest.fixture(scope="module")
def campus(real_data):
    """Answers to the three forms, as the reader and the mapping take them from two files."""
    with duckdb.connect() as con, tempfile.TemporaryDirectory() as scratch:
        path = real_data / "google_forms" / "Psychological_aspects.csv"
        (source,) = read_export(path, PSYCHOLOGY, con=con, scratch=Path(scratch))
        answers = {}
        for feed in PSYCHOLOGY.feeds:
            items = ", ".join(
                f'"{column}"::double' for column in map_columns(feed, source).items.values()
            )
            rows = con.execute(f"select {items} from {source.relation} order by _line").fetchall()
            answers[feed.constants["instrument"]] = np.array(rows)
        people = con.execute(f'select "Age", "_row" from {source.relation}').fetchall()
        return source, answers, people


@pytest.mark.real
@pytest.mark.parametrize(
    ("instrument", "reverse", "expected"),
    [
        ("phq9", (), 0.905056),
        ("gad7", (), 0.943889),
        ("pss10", (), 0.753504),
        ("pss10", (4, 5, 7, 8), 0.833946),
    ],
)
def test_real_answers_have_the_alpha_of_the_readme(campus, instrument, reverse, expected):
    """../shared/data/README.md; which items the registry reverses is `test_scoring_real`'s."""
    _, answers, _ = campus
    n_people, n_items = answers[instrument].shape
    signs = [-1 if number in reverse else 1 for number in range(1, n_items + 1)]

    alpha = cronbach_alpha(ItemMoments.of(answers[instrument] * signs))

    assert n_people == 223
    assert alpha == pytest.approx(expected, abs=1e-6)


@pytest.mark.real
def test_real_files_have_the_same_people_in_the_same_order(campus):
    source, _, people = campus

    assert [note.text for note in source.notes if note.kind == "joined_rows"] == [
        "223 rows of two files joined by row, which agree in BMI"
    ]
    assert len({row for _, row in people}) == len(people) == 223
    assert all(age for age, _ in people)
