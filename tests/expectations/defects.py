"""For every rule of the catalogue: changes that break it, and changes on the edge that do not.

BREAKS: rule, change, the (row, column) it must mark. KEEPS: rule, change; the rule must have the
changed rows in scope and find nothing. A change takes a `hand_made.Delivery`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from tests.expectations.hand_made import PHQ, items, key


def cells(table, row, **values):
    """Return a change of one row's cells."""
    return lambda delivery: delivery.change(table, row, **values)


def scored(*scores):
    """Return a change that adds scores: (row, scale, recomputed, submitted, is_prorated).

    Then, if need be, how many items are answered, and which arithmetic the submitted one fits.
    """
    return lambda delivery: delivery.scores.extend(scores)


def held(*scores):
    """Return a change that puts rows into the lake with scores (row, scale, score)."""
    return lambda delivery: delivery.hold_scores(*scores)


def lost_column(item):
    """Return a change that takes an item's column out of every form."""

    def change(delivery):
        for row in delivery.rows["responses"].values():
            row.pop(item, None)

    return change


def serving(**what):
    """Return a change of what the clinic says about its service."""

    def change(delivery):
        delivery.service = replace(delivery.service, **what)

    return change


def both(*changes):
    """Return several changes as one."""

    def change(delivery):
        for each in changes:
            each(delivery)

    return change


def fifty_forms(instrument, answers_of):
    """Return a change that adds fifty clients with one form each."""
    return forms_of(instrument, 50, answers_of)


def forms_of(instrument, n_clients, answers_of):
    """Return a change that adds so many clients with one form each."""

    def change(delivery):
        for number in range(n_clients):
            delivery.change("clients", f"c{number}", client_key=key(f"c{number}"))
            delivery.change(
                "responses",
                f"form {number}",
                client_key=key(f"c{number}"),
                session_key=None,
                instrument_id=instrument,
                completed_at=datetime(2025, 3, 3, 12, 0),
                **answers_of(number),
            )

    return change


def every_form(rows, *more):
    """Return marks of the added forms, and of ``more``, in column ``version``."""
    return [(f"form {number}", "version") for number in rows] + [(m, "version") for m in more]


NO_ITEMS = dict.fromkeys(f"item_{number}" for number in range(1, 13))
ORS = {"instrument_id": "ors", "version": "adult"} | NO_ITEMS | items(7.3, 0, 10, 5.1)
SEVEN_POINT = items(7, 6, 7, 6, 7, 6, 7, 6, 7, 6, 7, 6)


def up_to_five(number):
    return items(*[1 + (number + item) % 5 for item in range(12)])


def up_to_six(number):
    return items(*[1 + (number + item) % 6 for item in range(12)])


def one_to_four(number):
    return NO_ITEMS | items(*[1 + (number + item) % 4 for item in range(9)])


def one_too_high(number):
    return NO_ITEMS | items(4 if number < 2 else 1, 1, 2, 3, 1, 2, 3, 1, 2)


def some_beyond(n_beyond):
    def answers(number):
        first = 4 if number < n_beyond else 0
        return NO_ITEMS | items(first, 1, 2, 3, 0, 1, 2, 3, 0)

    return answers


def second_session(**values):
    """Return a change that adds session s5 for client anna."""
    standard = {"session_key": key("s5"), "session_at": datetime(2025, 1, 17, 15, 0)}
    return cells("sessions", "s5", **standard | values)


def second_episode(**values):
    """Return a change that adds episode e3 for client anna."""
    standard = {
        "episode_key": key("e3"),
        "referral_date": None,
        "start_date": date(2025, 6, 30),
        "end_date": None,
        "discharge_reason": None,
    }
    return cells("episodes", "e3", **standard | values)


def second_period(**values):
    """Return a change that adds a second period of therapist t1."""
    standard = {"valid_from": date(2025, 12, 31), "valid_to": None}
    return cells("therapists", "t3", **standard | values)


BREAKS = [
    ("F06", cells("episodes", "e1", problem="ask anna@example.org"), [("e1", "problem")]),
    ("F06", cells("clients", "anna", employment="+44 20 7946 0958"), [("anna", "employment")]),
    ("F06", cells("episodes", "e1", step="call (555) 010-4477"), [("e1", "step")]),
    ("F06", cells("episodes", "e1", problem="low mood, MRN 00123"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="NHS no. 9434765919"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="born 2/1/1980, anxious"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="DOB: 1980-01-02"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="ssn 078-05-1120"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="811218-9876"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="form sent from 192.0.2.17"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="31.12.1999, anxious"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", problem="referred: 9434765870"), [("e1", "problem")]),
    ("F06", cells("episodes", "e1", step="12 Acacia Avenue"), [("e1", "step")]),
    ("F06", cells("clients", "anna", employment="Mrs Baker"), [("anna", "employment")]),
    (
        "F14",
        cells("episodes", "e1", problem="she told me that her brother moved out again"),
        [("e1", "problem")],
    ),
    ("F14", cells("episodes", "e1", step="Left early. Mother was ill again"), [("e1", "step")]),
    ("F14", cells("clients", "anna", employment="a" * 81), [("anna", "employment")]),
    ("F14", cells("episodes", "e1", problem="low\nmood"), [("e1", "problem")]),
    ("F07", cells("episodes", "e1", problem="#REF!"), [("e1", "problem")]),
    ("F07", cells("episodes", "e1", problem="=1+1"), [("e1", "problem")]),
    ("F07", cells("episodes", "e1", problem="@sum"), [("e1", "problem")]),
    ("F07", cells("sessions", "s1", modality="1.2E+05"), [("s1", "modality")]),
    (
        "F08",
        both(
            *(cells("sessions", s, session_at=datetime(2025, 12, 6)) for s in ("s1", "s2")),
            *(cells("sessions", s, session_at=datetime(2025, 12, 6)) for s in ("s3", "s4")),
        ),
        [],
    ),
    ("F09", cells("responses", "r1", rater=None), [("r1", "rater")]),
    ("F09", cells("sessions", "s4", therapist_key=None), [("s4", "therapist_id")]),
    (
        "F10",
        cells("episodes", "e2", bad_cells=["end_date"]),
        [("e2", "end_date")],
    ),
    ("F11", cells("sessions", "s1", homework_percent=100.5), [("s1", "homework_percent")]),
    ("F11", cells("therapists", "t1", years_practising=-1), [("t1", "years_practising")]),
    (
        "S01",
        both(
            cells("responses", "r2", response_key=key("same")),
            cells("responses", "r3", response_key=key("same")),
        ),
        [("r3", "response_id"), ("r3", "response_id")],
    ),
    ("S01", cells("responses", "r3", response_key=None), [(None, "response_id")]),
    ("S02", cells("responses", "r1", client_key=key("nobody")), [("r1", "client_id")]),
    ("S02", cells("responses", "r2", session_key=key("none")), [("r2", "session_id")]),
    ("S02", cells("responses", "r2", episode_key=key("none")), [("r2", "episode_id")]),
    ("S02", cells("responses", "r2", therapist_key=key("none")), [("r2", "therapist_id")]),
    ("S03", cells("responses", "r2", instrument_id="phq99"), [("r2", "instrument")]),
    ("S03", cells("responses", "r2", version="long"), [("r2", "instrument")]),
    ("S03", cells("responses", "r2", item_11=1), [("r2", "item_11")]),
    ("S04", cells("responses", "r1", item_7=6), [("r1", "item_7")]),
    ("S04", cells("responses", "r1", item_7=0), [("r1", "item_7")]),
    ("S04", cells("responses", "r2", **ORS | {"item_3": 10.1}), [("r2", "item_3")]),
    ("S04", cells("responses", "r2", **ORS | {"item_3": -0.1}), [("r2", "item_3")]),
    ("S05", cells("responses", "r1", item_7=2.5), [("r1", "item_7")]),
    ("S05", cells("responses", "r2", **ORS | {"item_1": 7.25}), [("r2", "item_1")]),
    ("S06", fifty_forms("wai_s", up_to_five), every_form(range(50))),
    ("S06", fifty_forms("phq9", one_to_four), every_form(range(50), "r2", "r3")),
    # Coded from 1 instead of 0: two fours would be typing errors, were there any zeros.
    (
        "S06",
        both(
            fifty_forms("phq9", one_too_high),
            cells("responses", "r2", **one_too_high(49)),
            cells("responses", "r3", **one_too_high(49)),
        ),
        every_form(range(50), "r2", "r3"),
    ),
    # 3 of 52 PHQ-9 forms are 5.8 %.
    ("S06", fifty_forms("phq9", some_beyond(3)), None),
    ("S41", forms_of("wai_s", 30, up_to_five), every_form(range(30))),
    ("S41", forms_of("wsas", 30, lambda _: items(*[2] * 5)), every_form(range(30))),
    ("S07", cells("responses", "r1", item_7=99), [("r1", "item_7")]),
    ("S07", cells("responses", "r2", item_7=-9), [("r2", "item_7")]),
    ("S07", cells("responses", "r1", item_7=None, bad_cells=["item_7"]), [("r1", "item_7")]),
    ("S09", scored(("r2", "total", 10.0, 11.0, False)), [("r2", None)]),
    ("S09", scored(("r1", "mean", 3.25, 3.301, False)), [("r1", None)]),
    ("S09", scored(("r2", "total", 10.0, 12.0, True, 8, "other")), [("r2", None)]),
    ("S09", scored(("r2", "total", None, 30.0, False, 3, "unreversed")), [("r2", None)]),
    # The WAI-SR has twelve items, the PHQ-9 of the same file is whole.
    ("S34", lost_column("item_12"), [("r1", None)]),
    (
        "S35",
        both(held(("r1", "total", 3.5)), scored(("r1", "total", None, None, False, 3))),
        [("r1", None)],
    ),
    # A blank form with the formula's 0.
    (
        "S35",
        both(
            held(("r2", "total", 10.0)),
            cells("responses", "r2", bad_cells=["items"], **dict.fromkeys(PHQ)),
            scored(("r2", "total", None, 0.0, False, 0)),
        ),
        [("r2", None)],
    ),
    (
        "S36",
        both(
            cells("responses", "r2", bad_cells=["items"]),
            scored(("r2", "total", None, 0.0, False, 0)),
        ),
        [("r2", None)],
    ),
    ("S37", scored(("r2", "total", 11.25, 10.0, True, 8, "blanks as 0")), [("r2", None)]),
    ("S37", scored(("r2", "total", None, 27.0, False, 1, "prorated")), [("r2", None)]),
    ("S12", scored(("r1", "total", None, None, False)), []),
    (
        "S16",
        cells("responses", "r1", started_at=datetime(2025, 1, 9, 10, 59)),
        [("r1", "completed_at")],
    ),
    (
        "S17",
        cells("responses", "r4", completed_at=datetime(2025, 1, 10, 10, 30), item_1=4),
        [("r4", "completed_at")],
    ),
    (
        "S17",
        cells("responses", "r4", completed_at=datetime(2025, 1, 10, 12, 0), session_key=None),
        [("r4", "completed_at")],
    ),
    (
        "S19",
        cells("responses", "r3", completed_at=datetime(2026, 1, 2, 6, 1)),
        [("r3", "completed_at")],
    ),
    (
        "S19",
        cells("responses", "r3", completed_at=datetime(1979, 12, 31, 23, 59)),
        [("r3", "completed_at")],
    ),
    ("S19", serving(go_live={"phq9": date(2025, 1, 11)}), [("r2", "completed_at")]),
    (
        "S20",
        cells("responses", "r1", started_at=datetime(2025, 1, 10, 11, 1)),
        [("r1", "started_at")],
    ),
    (
        "S21",
        cells("responses", "r2", completed_at=datetime(2024, 11, 23, 23, 0)),
        [("r2", "completed_at")],
    ),
    (
        "S21",
        cells("responses", "r2", session_key=None, completed_at=datetime(2025, 7, 8, 1, 0)),
        [("r2", "completed_at")],
    ),
    # Between two episodes, linked to neither.
    (
        "S21",
        both(
            second_episode(start_date=date(2025, 10, 1)),
            cells("responses", "r2", session_key=None, completed_at=datetime(2025, 8, 1, 9, 0)),
        ),
        [("r2", "completed_at")],
    ),
    (
        "S21",
        both(
            cells("episodes", "e1", referral_date=date(2024, 11, 8)),
            cells("responses", "r2", session_key=None, completed_at=datetime(2024, 10, 31, 9, 0)),
        ),
        [("r2", "completed_at")],
    ),
    (
        "S22",
        cells("responses", "r1", completed_at=datetime(2025, 1, 13, 0, 1)),
        [("r1", "completed_at")],
    ),
    (
        "S22",
        cells("responses", "r1", completed_at=datetime(2025, 1, 9, 23, 0)),
        [("r1", "completed_at")],
    ),
    ("S22", cells("responses", "r1", client_key=key("bert")), [("r1", "session_id")]),
    ("S22", cells("sessions", "s1", attendance="dna"), [("r1", "session_id")]),
    (
        "S22",
        cells("responses", "r1", session_key=None, completed_at=datetime(2025, 1, 20, 8, 0)),
        [("r1", "completed_at")],
    ),
    # The session of that day has not begun yet.
    (
        "S22",
        cells("responses", "r1", session_key=None, completed_at=datetime(2025, 1, 10, 9, 59)),
        [("r1", "completed_at")],
    ),
    ("S23", cells("responses", "r1", rater="parent"), [("r1", "rater")]),
    ("S23", cells("responses", "r1", rater="therapist"), [("r1", "rater")]),
    (
        "S24",
        cells(
            "responses",
            "r1",
            instrument_id="wai_s",
            rater="therapist",
            therapist_key=key("t2"),
            **SEVEN_POINT,
        ),
        [("r1", "therapist_id")],
    ),
    (
        "S25",
        cells("responses", "r1", session_key=None, completed_at=datetime(2025, 1, 9, 23, 59)),
        [("r1", "completed_at")],
    ),
    (
        "N01",
        both(cells("sessions", "s1", client_key=key("nobody"))),
        [("s1", "client_id")],
    ),
    ("N01", cells("sessions", "s4", therapist_key=key("tbc")), [("s4", "therapist_id")]),
    ("N01", cells("sessions", "s4", episode_key=key("none")), [("s4", "episode_id")]),
    ("N01", cells("sessions", "s4", session_key=None), [(None, "session_id")]),
    (
        "N01",
        second_session(session_key=key("s4")),
        [("s5", "session_id"), ("s5", "session_id")],
    ),
    ("N02", cells("sessions", "s4", attendance="maybe"), [("s4", "attendance")]),
    ("N02", cells("sessions", "s1", attendance="dna"), [("s1", "attendance")]),
    ("N03", cells("sessions", "s1", duration_min=4.9), [("s1", "duration_min")]),
    ("N03", cells("sessions", "s1", duration_min=241), [("s1", "duration_min")]),
    ("N04", cells("sessions", "s2", session_at=datetime(2025, 1, 9, 23, 59)), None),
    ("N04", cells("sessions", "s2", session_at=datetime(2025, 7, 1, 0, 0)), None),
    (
        "N06",
        cells("sessions", "s3", session_at=datetime(2026, 1, 2, 6, 1)),
        [("s3", "session_at")],
    ),
    ("N07", cells("sessions", "s1", session_type="coffee"), [("s1", "session_type")]),
    ("N12", second_session(), [("s5", "session_at")]),
    (
        "E01",
        cells("episodes", "e1", end_date=date(2025, 1, 9)),
        [("e1", "end_date")],
    ),
    ("E01", cells("episodes", "e2", discharge_reason="dropout"), [("e2", "end_date")]),
    ("E01", cells("episodes", "e2", episode_key=None), [(None, "episode_id")]),
    ("E02", second_episode(start_date=date(2025, 6, 29)), [("e3", "start_date")]),
    ("E03", cells("episodes", "e1", discharge_reason="left"), [("e1", "discharge_reason")]),
    ("E03", cells("episodes", "e1", discharge_reason=None), [("e1", "discharge_reason")]),
    ("E04", cells("sessions", "s2", attendance="dna"), [("e1", "discharge_reason")]),
    ("E04", cells("episodes", "e1", discharge_reason="declined"), [("e1", "discharge_reason")]),
    (
        "E04",
        cells("episodes", "e1", discharge_reason="deceased", end_date=date(2025, 1, 16)),
        [("e1", "discharge_reason")],
    ),
    (
        "E05",
        both(
            cells("episodes", "e1", end_date=None, discharge_reason=None),
            cells("sessions", "s2", session_at=datetime(2025, 10, 2, 10, 0)),
        ),
        [("e1", "end_date")],
    ),
    ("E06", cells("episodes", "e1", referral_date=date(2025, 1, 11)), None),
    (
        "E06",
        both(
            cells("episodes", "e1", referral_date=None),
            cells("sessions", "s2", session_type="assessment"),
        ),
        [("e1", "start_date")],
    ),
    (
        "E04",
        both(
            *(cells("sessions", label, episode_key=None) for label in ("s1", "s2")),
            cells("sessions", "s2", session_at=datetime(2025, 12, 1, 10, 0)),
        ),
        [("e1", "discharge_reason")],
    ),
    ("E20", cells("episodes", "e1", end_date=date(2026, 1, 2)), [("e1", "end_date")]),
    ("E20", cells("episodes", "e1", end_date=date(9999, 12, 31)), [("e1", "end_date")]),
    ("E13", cells("episodes", "e2", client_key=key("nobody")), [("e2", "client_id")]),
    ("E13", cells("episodes", "e2", therapist_key=key("tbc")), [("e2", "therapist_id")]),
    (
        "C01",
        cells("clients", "carl", client_key=key("anna"), gender="male"),
        [("carl", "client_id"), ("carl", "client_id")],
    ),
    (
        "T01",
        cells("therapists", "t4", therapist_row_key=key("t1 row"), profession="nurse"),
        [("t4", "therapist_id"), ("t4", "therapist_id")],
    ),
    ("T04", cells("therapists", "t1", valid_to=date(2019, 12, 31)), [("t1", "valid_to")]),
    ("T04", second_period(valid_from=date(2025, 12, 30)), [("t3", "valid_from")]),
]

KEEPS = [
    ("S09", scored(("r2", "total", 11.25, 10.0, True, 8, "blanks as 0"))),
    ("S34", lost_column("item_13")),
    ("S35", both(held(("r1", "total", 3.5)), scored(("r1", "total", 3.6, None, True, 11)))),
    ("S36", scored(("r2", "total", 10.0, 10.0, False))),
    ("S37", scored(("r2", "total", 11.25, 11.25, True, 8))),
    ("F06", cells("episodes", "e1", problem="depression, since 2025-01-10 (F32.1)")),
    ("F06", cells("episodes", "e1", problem="a@b at 12345678")),
    ("F06", cells("episodes", "e1", problem="form 9434765871")),
    ("F14", cells("episodes", "e1", problem="Mixed anxiety and depressive disorder, mild (F41.2)")),
    ("F14", cells("episodes", "e1", problem="one two three four five six seven eight")),
    ("F14", cells("clients", "anna", employment="a" * 80)),
    ("F14", cells("episodes", "e1", step="e.g. Step 2 of St. John")),
    ("F06", cells("episodes", "e1", step="Anna Baker")),  # one may be chance
    ("F06", cells("episodes", "e1", problem="since 01.01.2000, version 1.2.3.4, code 78-51-120")),
    ("F06", cells("episodes", "e1", problem="811318-9876 is a part number")),
    ("F06", cells("episodes", "e1", problem="2025-01-10 10:30, scored 0.25 and 12")),
    ("F06", cells("episodes", "e1", problem="patient 1234 of the study, stubborn 2025-01-10")),
    ("F07", cells("episodes", "e1", problem="-")),
    ("F07", cells("episodes", "e1", problem="low mood = main complaint - #1")),
    ("F08", cells("sessions", "s1", session_at=datetime(2025, 1, 10))),
    ("F09", cells("responses", "r1", started_at=None, session_key=None)),
    ("F10", cells("responses", "r1", bad_cells=["item_7"], item_7=None)),
    ("F11", cells("sessions", "s1", homework_percent=100)),
    ("F11", cells("sessions", "s1", homework_percent=0)),
    # The same row twice in full is a duplicate, not a contradiction.
    ("S01", cells("responses", "r5", response_key=key("r1"))),
    ("S02", cells("responses", "r2", session_key=None, episode_key=key("e1"))),
    ("S03", cells("responses", "r2", item_10=2)),
    ("S04", cells("responses", "r1", item_7=1, item_8=5)),
    ("S04", cells("responses", "r2", **ORS)),
    ("S05", cells("responses", "r2", **ORS)),
    ("S06", fifty_forms("wai_s", up_to_six)),
    # 3 of 60 PHQ-9 forms are 5 %; the items also reach zero.
    ("S06", forms_of("phq9", 58, some_beyond(3))),
    ("S41", forms_of("wai_s", 30, up_to_six)),
    ("S41", forms_of("wsas", 30, lambda number: items(*[2] * 4, number and 1))),
    ("S07", cells("responses", "r1", item_7=6)),
    ("S07", cells("responses", "r2", **ORS | {"item_1": 9})),
    ("S09", scored(("r1", "mean", 3.25, 3.30, False), ("r2", "total", 10.0, 10.0, False))),
    ("S12", scored(("r1", "total", None, None, False), ("r1", "bond", 4.0, None, False))),
    ("S16", cells("responses", "r1", started_at=datetime(2025, 1, 9, 11, 0))),
    (
        "S17",
        cells(
            "responses",
            "r4",
            completed_at=datetime(2025, 1, 10, 17, 0),
            session_key=key("s2"),
        ),
    ),
    ("S17", cells("responses", "r4", completed_at=datetime(2025, 1, 11, 0, 0))),
    ("S19", cells("responses", "r3", completed_at=datetime(2026, 1, 2, 6, 0))),
    ("S19", cells("responses", "r3", completed_at=datetime(1980, 1, 1))),
    ("S19", serving(go_live={"phq9": date(2025, 1, 10), "wai_sr": date(2025, 1, 10)})),
    ("S20", cells("responses", "r1", started_at=datetime(2025, 1, 10, 11, 0))),
    ("S21", cells("responses", "r2", completed_at=datetime(2024, 11, 24, 0, 0))),
    ("S21", cells("responses", "r2", session_key=None, completed_at=datetime(2025, 7, 7, 23, 0))),
    ("S22", cells("responses", "r1", completed_at=datetime(2025, 1, 12, 23, 59))),
    # A date without a time of day may be any time of it.
    *(
        (
            "S22",
            cells("responses", "r1", session_key=None, completed_at=datetime(2025, 1, 10, hour)),
        )
        for hour in (0, 10)
    ),
    (
        "S22",
        cells("responses", "r1", session_key=None, completed_at=datetime(2025, 1, 19, 8, 0)),
    ),
    (
        "S23",
        cells("responses", "r1", instrument_id="wai_s", rater="therapist", **SEVEN_POINT),
    ),
    (
        "S24",
        cells(
            "responses",
            "r1",
            instrument_id="wai_s",
            rater="therapist",
            therapist_key=key("t1"),
            **SEVEN_POINT,
        ),
    ),
    ("S25", cells("responses", "r1", completed_at=datetime(2025, 1, 10, 0, 0))),
    ("N01", cells("sessions", "s3", episode_key=None)),
    ("N02", cells("sessions", "s4", attendance="cancelled_client")),
    ("N03", cells("sessions", "s1", duration_min=5)),
    ("N03", cells("sessions", "s1", duration_min=240)),
    ("N04", cells("sessions", "s1", session_at=datetime(2025, 1, 10, 0, 0))),
    ("N04", cells("sessions", "s2", session_at=datetime(2025, 6, 30, 23, 59))),
    ("N06", cells("sessions", "s3", session_at=datetime(2026, 1, 2, 6, 0))),
    ("N07", cells("sessions", "s1", session_type="follow_up")),
    ("N12", second_session(session_type="group")),
    ("N12", second_session(session_type="group", session_at=datetime(2025, 1, 17, 8, 0))),
    ("N12", second_session(session_at=datetime(2025, 1, 18, 0, 0))),
    ("E01", cells("episodes", "e1", end_date=date(2025, 1, 10))),
    ("E02", second_episode()),
    ("E03", cells("episodes", "e1", discharge_reason="dropout")),
    ("E20", cells("episodes", "e1", end_date=date(2026, 1, 1))),
    # Sessions that name no episode count for the one their days lie in.
    ("E04", both(*(cells("sessions", label, episode_key=None) for label in ("s1", "s2")))),
    # A baseline of the waiting time lies in the episode, a week before the referral too.
    (
        "S21",
        both(
            cells("episodes", "e1", referral_date=date(2024, 11, 8)),
            cells("responses", "r2", session_key=None, completed_at=datetime(2024, 11, 1, 9, 0)),
        ),
    ),
    ("E04", cells("episodes", "e1", discharge_reason="completed")),
    (
        "E04",
        both(
            cells("episodes", "e1", discharge_reason="declined"),
            cells("sessions", "s2", attendance="dna"),
        ),
    ),
    (
        "E04",
        cells("episodes", "e1", discharge_reason="deceased", end_date=date(2025, 1, 17)),
    ),
    (
        "E05",
        both(
            cells("episodes", "e1", end_date=None, discharge_reason=None),
            # 2025-10-03 is 90 days before the delivery of 2026-01-01.
            cells("sessions", "s2", session_at=datetime(2025, 10, 3, 0, 0)),
        ),
    ),
    ("E06", cells("episodes", "e1", referral_date=date(2025, 1, 10))),
    # Assessed again on the day treatment began.
    (
        "E06",
        cells("sessions", "s2", session_at=datetime(2025, 1, 10, 15, 0), session_type="assessment"),
    ),
    ("E13", cells("episodes", "e2", therapist_key=None)),
    ("C01", cells("clients", "carl", client_key=key("carl"))),
    ("T01", second_period()),
    ("T04", second_period()),
    ("T04", cells("therapists", "t1", valid_to=date(2020, 1, 1))),
]
