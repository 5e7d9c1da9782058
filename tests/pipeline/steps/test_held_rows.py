"""Rows held back come free with what they waited for; content sent again is read again."""

from __future__ import annotations

import pytest

ITEMS = ",".join(f"item_{n}" for n in range(1, 10))
FORMS = f"response_id,client_id,instrument,rater,completed_at,episode_id,{ITEMS}"
IN_SESSIONS = f"response_id,client_id,instrument,rater,completed_at,session_id,{ITEMS}"
EPISODES = "episode_id,client_id,therapist_id,start_date,end_date"
SESSIONS = "session_id,client_id,therapist_id,episode_id,session_at,attendance"
TWOS, ONES = ",2" * 9, ",1" * 9


@pytest.fixture
def balance(clinic):
    """Return (file, received, accepted, duplicate, quarantined) of a table's files."""

    def of(table: str) -> list[tuple]:
        names = {row["file_id"]: row["source_file"] for row in clinic.ledger.all_files()}
        columns = ("n_received", "n_accepted", "n_duplicate", "n_quarantined")
        return sorted(
            (names[row["file_id"]], *(row[column] for column in columns))
            for row in clinic.ledger.all_file_tables()
            if row["table_name"] == table
        )

    return of


def test_forms_of_a_missing_episode_are_loaded_the_night_it_comes(clinic, balance):
    clinic.land("episodes_1.csv", "e0,c0,t1,2026-01-01,", header=EPISODES)
    forms = [f"r1,c1,phq9,client,2026-01-06 10:00,e1{TWOS}"]
    forms += [f"r2,c1,phq9,client,2026-01-13 10:00,e1{ONES}"]
    clinic.land("responses_1.csv", *forms, header=FORMS)
    clinic.night()
    assert clinic.days() == []

    clinic.land("episodes_2.csv", "e1,c1,t1,2026-01-02,", header=EPISODES)
    clinic.night()

    assert clinic.held() == [(6, 2), (13, 1)]
    assert balance("responses") == [
        ("responses_1.csv", 2, 0, 0, 2),
        ("responses_1.csv (held rows)", 2, 2, 0, 0),
    ]
    # Nothing is open any more: neither another parent nor the same forms free them twice.
    clinic.land("episodes_3.csv", "e2,c1,t1,2026-01-03,", header=EPISODES)
    clinic.land("responses_again.csv", *forms, header=FORMS)
    assert clinic.night() == {"episodes_3.csv": "accepted"}
    assert clinic.held() == [(6, 2), (13, 1)]
    assert clinic.night() == {}


def test_sessions_after_a_wrong_end_and_their_forms_come_free_when_it_is_corrected(clinic, balance):
    """The forms wait for their sessions, these for the episode's end."""
    clinic.land("episodes_1.csv", "e1,c1,t1,2025-01-01,2025-02-01", header=EPISODES)
    held = "s2,c1,t1,e1,2025-03-10 14:00,attended"
    clinic.land("sessions_1.csv", "s1,c1,t1,e1,2025-01-06 14:00,attended", held, header=SESSIONS)
    clinic.land(
        "responses_1.csv",
        f"r1,c1,phq9,client,2025-01-06 13:50,s1{TWOS}",
        f"r2,c1,phq9,client,2025-03-10 13:50,s2{ONES}",
        header=IN_SESSIONS,
    )
    clinic.night()
    assert clinic.held() == [(6, 2)]

    clinic.land("episodes_2.csv", "e1,c1,t1,2025-01-01,2025-03-31", header=EPISODES)
    clinic.night()

    assert clinic.held() == [(6, 2), (10, 1)]
    assert ("sessions_1.csv (held rows)", 1, 1, 0, 0) in balance("sessions")


def test_a_row_that_was_corrected_since_is_not_brought_back(clinic):
    """The correction came with another answer and is held; only that one comes free."""
    clinic.land("episodes_1.csv", "e0,c0,t1,2026-01-01,", header=EPISODES)
    row = "r1,c1,phq9,client,2026-01-06 10:00,e1"
    clinic.land("responses_1.csv", row + TWOS, header=FORMS)
    clinic.night()
    clinic.land("responses_2.csv", row + ONES, header=FORMS)
    clinic.night()
    clinic.land("episodes_2.csv", "e1,c1,t1,2026-01-02,", header=EPISODES)
    clinic.night()

    assert clinic.held() == [(6, 1)]


def test_what_still_lacks_its_parent_makes_no_delivery_of_its_own(clinic, balance):
    clinic.land("episodes_1.csv", "e0,c0,t1,2026-01-01,", header=EPISODES)
    clinic.land("responses_1.csv", f"r1,c1,phq9,client,2026-01-06 10:00,e9{TWOS}", header=FORMS)
    clinic.night()
    clinic.land("episodes_2.csv", "e1,c1,t1,2026-01-02,", header=EPISODES)

    assert clinic.night() == {"episodes_2.csv": "accepted"}
    assert balance("responses") == [("responses_1.csv", 1, 0, 0, 1)]


def test_replaced_content_sent_again_under_another_name_is_read_again(clinic):
    row = "r1,c1,phq9,client,2026-01-06 10:00"
    clinic.land("responses_1.csv", row + TWOS)
    clinic.land("responses_1_copy.csv", row + TWOS)
    clinic.night()
    clinic.land("responses_2.csv", row + ONES)
    clinic.night()
    # The copy that lay there all the time says nothing new.
    assert clinic.night() == {}
    assert clinic.held() == [(6, 1)]

    clinic.land("responses_3.csv", row + TWOS)

    assert clinic.night() == {"responses_3.csv": "accepted"}
    assert clinic.held() == [(6, 2)]
    assert clinic.night() == {}


def test_content_with_a_row_in_quarantine_sent_again_is_read_again(clinic, balance):
    """Its forms may have been right all along, and the rule or the mapping wrong."""
    rows = (
        "r1,c1,phq9,client,2026-01-06 10:00" + TWOS,
        "r2,c2,phq9,client,2026-01-07 10:00" + ",7" * 9,
    )
    clinic.land("responses_1.csv", *rows)
    clinic.night()
    before = balance("responses")
    clinic.land("responses_2.csv", *rows)

    assert set(clinic.night()) == {"responses_2.csv"}
    assert len(balance("responses")) == len(before) + 1


def test_refused_content_under_another_name_is_tried_again_once(clinic):
    clinic.land("responses_1.csv", "r1,c1", header="response_id,client_id")
    assert clinic.night() == {"responses_1.csv": "refused"}
    assert clinic.night() == {}
    clinic.land("responses_2.csv", "r1,c1", header="response_id,client_id")

    assert "refused" in clinic.night().values()
    assert clinic.night() == {}
