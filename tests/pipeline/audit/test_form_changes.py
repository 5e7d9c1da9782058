"""A changed form keeps its file out of the lake until somebody has looked at it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.audit.form_changes import found_changes
from pipeline.storage.form_profiles import accepted_profiles
from tests.pipeline.half_nights import HEADER

MEANS = np.array([1.4, 1.2, 0.4, 1.8, 0.9, 1.1, 0.6, 0.3, 0.2])


def forms(start: int, n: int, *, swap: bool = False) -> list[str]:
    """Return rows of PHQ-9 forms, one a client, whose items differ and go together."""
    rng = np.random.default_rng(start)
    answers = MEANS + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.5, (n, 9))
    answers = np.clip(np.round(answers), 0, 3).astype(int)
    if swap:
        answers[:, [2, 3]] = answers[:, [3, 2]]
    first = date(2024, 1, 1) + timedelta(days=start)
    return [
        f"r{start + n},c{start + n},phq9,client,{first + timedelta(days=n)} 10:00,"
        + ",".join(map(str, row))
        for n, row in enumerate(answers.tolist())
    ]


@pytest.fixture
def changes(clinic):
    """Return the changes found in the last night as (file, change, column)."""

    def found() -> list[tuple]:
        rows = found_changes(clinic.place, f"run{clinic.nights}")
        return [
            (row["source_file"], row["change"], row["column_name"])
            for row in rows
            if row["change"] != "too_few_forms"
        ]

    return found


def test_a_changed_form_waits_until_it_was_looked_at_and_is_the_reference_then(clinic, changes):
    clinic.land("responses_1.csv", *forms(0, 320))
    clinic.land("responses_2.csv", *forms(320, 60))
    assert set(clinic.night().values()) == {"accepted"}
    assert changes() == []

    clinic.land("responses_3.csv", *forms(380, 60, swap=True))
    clinic.land("therapists_1.csv", "t1,nurse", header="therapist_id,profession")
    assert clinic.night() == {"responses_3.csv": "rejected", "therapists_1.csv": "accepted"}
    assert changes() == [("responses_3.csv", "swapped_columns", "item_3, item_4")]
    assert len(clinic.days()) == 380
    assert "items 3 and 4 stand in each other's place" in clinic.reasons["responses_3.csv"]
    assert clinic.night() == {}

    clinic.configure("clinic: clinic\naccept_form_change: [responses_3.csv]\n")
    assert clinic.night("v2") == {"responses_3.csv": "accepted"}
    assert len(clinic.days()) == 440

    clinic.land("responses_4.csv", *forms(440, 60, swap=True))
    assert clinic.night("v2") == {"responses_4.csv": "accepted"}
    assert changes() == []


def test_a_mapping_that_undoes_the_change_needs_no_acceptance(clinic, changes):
    """The clinic renamed a question; its YAML says so."""
    clinic.land("responses_1.csv", *forms(0, 40))
    clinic.night()
    renamed = "response_id,client_id,instrument,rater,completed_at," + ",".join(
        f"item_{n}" if n != 4 else "sleep" for n in range(1, 10)
    )
    clinic.land("responses_2.csv", *forms(40, 40), header=renamed)
    assert clinic.night() == {"responses_2.csv": "rejected"}
    assert ("responses_2.csv", "renamed_column", "item_4") in changes()
    assert "column item_4 is now called sleep" in clinic.reasons["responses_2.csv"]
    kept = accepted_profiles(clinic.place, "clinic")
    assert [profile.source_file for profile in kept] == ["responses_1.csv"]

    names = ", ".join(f"{n}: {'sleep' if n == 4 else f'item_{n}'}" for n in range(1, 10))
    clinic.configure(
        f"clinic: clinic\nfeeds:\n"
        f"  - {{table: responses, files: responses_1*}}\n"
        f"  - {{table: responses, files: responses_2*, items: {{{names}}}}}\n"
    )
    assert clinic.night("v2") == {"responses_2.csv": "accepted"}
    assert len(clinic.days()) == 80


def test_a_required_column_that_went_is_a_change_of_the_refused_file(clinic, changes):
    """Only against an accepted delivery of the same kind, and counted by F02 alone."""
    clinic.land("responses_1.csv", *forms(0, 5))
    clinic.night()
    renamed = HEADER.replace("client_id", "client")
    gone = HEADER.replace("client_id", "x")
    clinic.land("responses_2.csv", *forms(5, 5), header=renamed)
    clinic.land("responses_3.csv", *forms(10, 5), header=gone)
    clinic.land("responses_extra.csv", *forms(15, 5), header=renamed)

    assert set(clinic.night().values()) == {"refused"}
    assert changes() == [
        ("responses_2.csv", "renamed_column", "client_id"),
        ("responses_3.csv", "missing_column", "client_id"),
    ]
    counts = clinic.place.work("run2") / "counts" / "clinic-forms.parquet"
    assert clinic.ask(f"select sum(n_scope), sum(n_failed) from '{counts}'") == [(0, 0)]


REDCAP = """\
clinic: clinic
format: redcap
files: "batch*.csv"
dictionary: dictionary.csv
feeds:
  - table: responses
    form: phq9
    set: {instrument: phq9, rater: client}
    columns: {client_id: record_id, completed_at: phq9_date}
    items: "phq9_{n}"
"""


def test_an_item_one_batch_of_a_redcap_project_lacks_keeps_the_batch_out(clinic, changes):
    """Read as empty, the other items would be prorated in its place: it must not go unseen."""
    names = ["phq9_date", *(f"phq9_{n}" for n in range(1, 10)), "phq9_note"]
    columns = "Variable / Field Name,Form Name,Field Type,Field Label," + (
        '"Choices, Calculations, OR Slider Labels"'
    )
    fields = [f"{name},phq9,text,{name}," for name in names]
    clinic.configure(REDCAP)
    clinic.land("dictionary.csv", "record_id,intake,text,Id,", *fields, header=columns)
    for number, lacking in ((1, None), (2, "phq9_9"), (3, "phq9_note")):
        row = {"record_id": number, "phq9_date": f"2026-01-0{number}"}
        row |= dict.fromkeys(names[1:], 1)
        row.pop(lacking, None)
        clinic.land(f"batch_{number}.csv", ",".join(map(str, row.values())), header=",".join(row))

    status = clinic.night()

    assert (status["batch_1.csv"], status["batch_2.csv"]) == ("accepted", "rejected")
    assert status["batch_3.csv"] == "accepted"  # a note is not scored
    assert changes() == [
        ("batch_2.csv", "missing_column", "phq9_9"),
        ("batch_3.csv", "missing_column", "phq9_note"),
    ]
    assert "column phq9_9 is gone" in clinic.reasons["batch_2.csv"]


def test_a_night_of_many_files_is_unusual_once_and_only_as_a_whole(clinic, changes):
    """Twelve files a night, each of three forms; the fourth night brings two of them."""
    for night in range(3):
        for n in range(12):
            start = 36 * night + 3 * n
            clinic.land(f"responses_{night}_{n:02}.csv", *forms(start, 3))
        clinic.night()
        assert changes() == []

    for n in range(2):
        clinic.land(f"responses_3_{n:02}.csv", *forms(108 + 3 * n, 3))
    clinic.night()

    assert changes() == [("responses_3_01.csv", "fewer_rows", None)]
