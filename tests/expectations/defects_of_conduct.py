"""How forms are filled in and sessions are held: changes that break those rules, or do not.

BREAKS and KEEPS as in `tests.expectations.defects`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tests.expectations.defects import (
    NO_ITEMS,
    SEVEN_POINT,
    both,
    cells,
    scored,
    second_period,
    second_session,
    serving,
)
from tests.expectations.hand_made import items, key

WAI_S = {"instrument_id": "wai_s"}
WSAS = {"instrument_id": "wsas"} | NO_ITEMS | items(None, 4, 4, 4, 4)
PSQ = {"instrument_id": "psq"} | NO_ITEMS
OTHER_WAI = items(2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 4, 3)
# Nine items at two seconds are 18 seconds; r2 is completed at half past nine.
R2_AT = datetime(2025, 1, 10, 9, 30)


def form(row, **values):
    """Return a change that adds a WAI-SR form of client bert beside r1 of anna."""
    standard = {"client_key": key("bert"), "session_key": None}
    return cells("responses", row, **standard | values)


def alike(n_items):
    """Return a change that adds forms of two clients with so many answers, all the same."""
    answers = NO_ITEMS | items(*[2, 3, 2, 4][:n_items])
    at = {"completed_at": datetime(2025, 3, 3, 9, 30)}
    return both(form("r4", **at | answers), form("r5", **at | answers, client_key=key("anna")))


def lake(table, *rows):
    """Return a change that says the rows came with an earlier delivery."""
    return lambda delivery: delivery.put_into_lake(table, *rows)


def told(*, ages=(), therapist_ids=(), client_ids=()):
    """Return a change that adds what the vault tells."""

    def change(delivery):
        delivery.ages.extend(ages)
        delivery.therapist_ids.extend(therapist_ids)
        delivery.client_ids.extend(client_ids)

    return change


def many_forms(seconds, *, n_forms=5, n_clients=2, day=datetime(2025, 3, 3, 12, 0, 1)):
    """Return a change that adds forms of a therapist's clients, so many seconds apart."""

    def change(delivery):
        for number in range(n_forms):
            delivery.change(
                "responses",
                f"bulk {number}",
                client_key=key(("anna", "bert")[number % n_clients]),
                session_key=None,
                therapist_key=key("t1"),
                completed_at=day + timedelta(seconds=seconds * number),
                item_1=1 + number,
            )

    return change


def of_group(row, **values):
    """Return a change that makes a session one of group g1."""
    at = datetime(2025, 2, 3, 17, 0)
    standard = {"session_type": "group", "group_key": key("g1"), "session_at": at}
    return cells("sessions", row, **standard | values)


def two_sessions(first, second):
    """Return a change of client anna's two sessions."""
    return both(cells("sessions", "s1", **first), cells("sessions", "s2", **second))


BULK = [(f"bulk {number}", "completed_at") for number in range(5)]

BREAKS = [
    ("C10", told(client_ids=[(key("anna"),)]), None),
    (
        "C11",
        cells("responses", "r1", client_key=None, bad_cells=["client_id"]),
        [("r1", "client_id")],
    ),
    (
        "C11",
        cells("sessions", "s1", client_key=None, bad_cells=["client_id"]),
        [("s1", "client_id")],
    ),
    (
        "S08",
        both(cells("responses", "r2", **WSAS), cells("clients", "anna", employment="employed")),
        [("r2", "item_1")],
    ),
    # PHQ-9 needs all nine answers; eight gave a score all the same.
    ("S13", scored(("r2", "total", 10.0, None, False, 8)), [("r2", None)]),
    ("S14", cells("responses", "r1", **WAI_S | items(*[7] * 12)), [("r1", None)]),
    (
        "S15",
        cells("responses", "r2", started_at=R2_AT - timedelta(seconds=17)),
        [("r2", "started_at")],
    ),
    (
        "S18",
        form("r4", completed_at=datetime(2025, 1, 10, 11, 0, 59)),
        [("r1", "completed_at"), ("r4", "completed_at")],
    ),
    ("S18", alike(4), [("r4", "completed_at"), ("r5", "completed_at")]),
    (
        "S26",
        both(
            cells("responses", "r1", language="en"),
            cells("responses", "r2", language="cy"),
            cells("responses", "r3", language=None),
        ),
        [("r3", "language")],
    ),
    (
        "S26",
        both(
            cells("responses", "r1", language="en"),
            cells("responses", "r2", language="cy"),
        ),
        [("r3", "language")],
    ),
    # 3 x 6 points are the limit; from 2 to 21 are 19.
    (
        "S28",
        both(
            cells("responses", "r3", client_key=key("anna"), session_key=None),
            scored(("r2", "total", 2.0, None, False), ("r3", "total", 21.0, None, False)),
        ),
        [("r3", None)],
    ),
    (
        "S29",
        cells(
            "responses",
            "r4",
            mode="paper",
            session_key=None,
            completed_at=datetime(2025, 1, 17, 11),
        ),
        [("r4", "mode")],
    ),
    ("S31", many_forms(14), BULK),
    (
        "S32",
        cells("responses", "r1", **PSQ, submitted_occurrence=0, submitted_intensity=3),
        [("r1", "submitted_intensity")],
    ),
    (
        "S32",
        cells("responses", "r1", **PSQ, submitted_occurrence=0, submitted_resolution=1),
        [("r1", "submitted_resolution")],
    ),
    (
        "N03",
        second_session(session_at=datetime(2025, 1, 17, 10, 49), therapist_key=key("t2")),
        [("s5", "session_at")],
    ),
    (
        "N03",
        second_session(
            session_at=datetime(2025, 1, 17, 10, 49), client_key=key("bert"), episode_key=key("e2")
        ),
        [("s5", "session_at")],
    ),
    (
        "N05",
        two_sessions({"session_number": 1}, {"session_number": 3}),
        [("s2", "session_number")],
    ),
    # The clinic counted the session nobody attended.
    (
        "N05",
        two_sessions({"attendance": "dna"}, {"session_number": 2}),
        [("s2", "session_number")],
    ),
    ("N08", of_group("s1"), [("s1", "group_id")]),
    ("N08", both(of_group("s1"), of_group("s2"), of_group("s3")), None),
    (
        "N08",
        both(of_group("s1"), of_group("s3"), of_group("s2", group_key=None)),
        [("s2", "group_id")],
    ),
    ("N09", cells("sessions", "s1", session_at=datetime(2025, 1, 10, 5, 59)), []),
    ("N09", cells("sessions", "s1", session_at=datetime(2025, 1, 10, 22, 0)), []),
    ("N09", cells("sessions", "s1", session_at=datetime(2025, 1, 12, 10, 0)), []),
    (
        "N10",
        cells("sessions", "s1", homework_set=False),
        [("s2", "homework_percent")],
    ),
    ("N11", cells("therapists", "t1", valid_to=date(2025, 1, 16)), [("s2", "therapist_id")]),
    ("N11", cells("therapists", "t1", valid_from=date(2025, 1, 11)), [("s1", "therapist_id")]),
    (
        "N11",
        both(
            cells("therapists", "t1", valid_to=date(2025, 1, 16)),
            second_period(valid_from=date(2025, 1, 18)),
        ),
        [("s2", "therapist_id")],
    ),
    (
        "T02",
        told(therapist_ids=[(key("t2"), False, True)]),
        [("s3", "therapist_id"), ("s4", "therapist_id")],
    ),
    (
        "T03",
        told(therapist_ids=[(key("t2"), True, False)]),
        [("s3", "therapist_id"), ("s4", "therapist_id")],
    ),
    # A clinic that sends no list of therapists has placeholders too.
    (
        "T03",
        both(
            lambda delivery: delivery.without("therapists"),
            told(therapist_ids=[(key("t2"), True, False)]),
        ),
        [("s3", "therapist_id"), ("s4", "therapist_id")],
    ),
    ("E07", told(ages=[(key("anna"), date(2025, 1, 10), 3)]), None),
    ("E07", told(ages=[(key("anna"), date(2025, 1, 10), 111)]), [("e1", "start_date")]),
    (
        "E07",
        both(
            serving(ages=(18, 65)),
            told(ages=[(key("anna"), date(2025, 1, 10), 66), (key("bert"), date(2025, 12, 1), 17)]),
        ),
        [("e1", "start_date"), ("e2", "start_date")],
    ),
    # PHQ-9 and WAI-SR of a client of fifteen.
    ("E07", told(ages=[(key("anna"), date(2025, 1, 10), 15)]), [("e1", "start_date")]),
    # The ORS of adults starts at 18; sixteen is two years below.
    (
        "E07",
        both(
            cells("responses", "r2", instrument_id="ors", version="adult", **NO_ITEMS),
            told(ages=[(key("anna"), date(2025, 1, 10), 16)]),
        ),
        [("e1", "start_date")],
    ),
    ("E08", cells("episodes", "e1", modality="CBTT"), [("e1", "modality")]),
    (
        "E08",
        both(
            cells("episodes", "e1", modality="psychodynamic"),
            cells("therapists", "t1", profession="PWP"),
        ),
        [("e1", "modality")],
    ),
    (
        "E08",
        both(
            cells("episodes", "e1", modality="cbt", step="high_intensity"),
            cells("therapists", "t1", profession="pwp"),
        ),
        [("e1", "modality")],
    ),
    # What an earlier delivery brought counts as well.
    (
        "S17",
        both(
            form("r4", client_key=key("anna"), completed_at=datetime(2025, 1, 10, 12, 0)),
            lake("responses", "r1"),
        ),
        [("r4", "completed_at")],
    ),
    ("N12", both(second_session(), lake("sessions", "s2")), [("s5", "session_at")]),
    # Earlier in the day than the one the lake holds: that one stays all the same.
    # Two groups of one therapist at one time are a double booking; one group is none (below).
    (
        "N03",
        both(
            second_session(
                session_at=datetime(2025, 1, 17, 10, 0),
                client_key=key("bert"),
                episode_key=key("e2"),
                group_key=key("g2"),
            ),
            cells("sessions", "s2", group_key=key("g1")),
        ),
        None,
    ),
    (
        "N12",
        both(second_session(session_at=datetime(2025, 1, 17, 8, 0)), lake("sessions", "s2")),
        [("s5", "session_at")],
    ),
    (
        "N03",
        both(
            second_session(session_at=datetime(2025, 1, 17, 10, 49), therapist_key=key("t2")),
            lake("sessions", "s2"),
        ),
        [("s5", "session_at")],
    ),
    ("N10", both(cells("sessions", "s1", homework_set=False), lake("sessions", "s1")), None),
    ("N05", both(cells("sessions", "s2", session_number=1), lake("sessions", "s1")), None),
]

KEEPS = [
    ("C10", told(client_ids=[(key("carl"),)])),
    ("C11", cells("responses", "r1", client_key=None, bad_cells=["started_at"])),
    (
        "S08",
        both(cells("responses", "r2", **WSAS), cells("clients", "anna", employment="Retired")),
    ),
    ("S13", scored(("r2", "total", 10.0, None, False, 9), ("r1", "bond", 4.0, None, False, 4))),
    ("S14", cells("responses", "r1", **WAI_S | SEVEN_POINT)),
    # One gap: not the same answer to every item.
    ("S14", cells("responses", "r1", **WAI_S | items(*[7] * 11) | {"item_12": None})),
    ("S15", cells("responses", "r2", started_at=R2_AT - timedelta(seconds=18))),
    ("S18", alike(3)),
    ("S18", form("r4", completed_at=datetime(2025, 1, 10, 11, 1))),
    ("S18", form("r4", completed_at=datetime(2025, 1, 10, 11, 0), **OTHER_WAI)),
    ("S18", form("r4", client_key=key("anna"), completed_at=datetime(2025, 1, 10, 11, 0))),
    # Two clients who are content with everything, in the same minute.
    (
        "S18",
        both(
            cells("responses", "r1", **items(*[5] * 12)),
            form("r4", completed_at=datetime(2025, 1, 10, 11, 0)),
        ),
    ),
    (
        "S26",
        both(
            cells("responses", "r1", language="en"),
            cells("responses", "r2", language="cy"),
            cells("responses", "r3", language="cy"),
        ),
    ),
    (
        "S28",
        both(
            cells("responses", "r3", client_key=key("anna"), session_key=None),
            scored(("r2", "total", 2.0, None, False), ("r3", "total", 20.0, None, False)),
        ),
    ),
    (
        "S29",
        cells(
            "responses",
            "r4",
            mode="paper",
            session_key=None,
            completed_at=datetime(2025, 7, 17, 9),
            episode_key=key("e3"),
        ),
    ),
    # The fifth form comes 60 seconds after the first.
    ("S31", many_forms(15)),
    ("S31", many_forms(1, n_forms=4)),
    # One client's battery of five forms.
    ("S31", many_forms(1, n_clients=1)),
    # Dates without time.
    ("S31", both(many_forms(0, day=datetime(2025, 3, 3)), many_forms(20))),
    (
        "S32",
        cells("responses", "r1", **PSQ, submitted_occurrence=1, submitted_intensity=3),
    ),
    ("N03", second_session(session_at=datetime(2025, 1, 17, 10, 50), therapist_key=key("t2"))),
    (
        "N03",
        both(
            second_session(
                session_at=datetime(2025, 1, 17, 10, 0),
                client_key=key("bert"),
                episode_key=key("e2"),
                group_key=key("g1"),
            ),
            cells("sessions", "s2", group_key=key("g1")),
        ),
    ),
    (
        "N03",
        second_session(
            session_at=datetime(2025, 1, 17, 10, 0),
            client_key=key("bert"),
            episode_key=key("e2"),
            session_type="group",
        ),
    ),
    ("N05", two_sessions({"session_number": 1}, {"session_number": 2})),
    ("N05", two_sessions({"session_type": "assessment"}, {"session_number": 1})),
    ("N05", both(cells("sessions", "s2", session_number=2), lake("sessions", "s1"))),
    ("N08", both(of_group("s1"), of_group("s3"))),
    ("N09", cells("sessions", "s1", session_at=datetime(2025, 1, 10, 6, 0))),
    ("N09", cells("sessions", "s1", session_at=datetime(2025, 1, 11, 21, 59))),
    ("N10", cells("sessions", "s1", homework_set=True)),
    ("N11", cells("therapists", "t1", valid_to=date(2025, 1, 17))),
    ("N11", cells("therapists", "t1", valid_from=date(2025, 1, 10))),
    (
        "N11",
        both(
            cells("therapists", "t1", valid_to=date(2025, 1, 16)),
            second_period(valid_from=date(2025, 1, 17)),
        ),
    ),
    ("T02", told(therapist_ids=[(key("t2"), True, False)])),
    ("T03", told(therapist_ids=[(key("t2"), False, True)])),
    ("E07", told(ages=[(key("anna"), date(2025, 1, 10), 16)])),
    (
        "E07",
        both(
            lambda delivery: delivery.without("responses"),
            told(ages=[(key("anna"), date(2025, 1, 10), 4)]),
        ),
    ),
    ("E07", told(ages=[(key("anna"), date(2025, 1, 10), 110)])),
    (
        "E07",
        both(
            serving(ages=(18, 65)),
            told(ages=[(key("anna"), date(2025, 1, 10), 65), (key("bert"), date(2025, 12, 1), 18)]),
        ),
    ),
    (
        "E07",
        both(
            cells("responses", "r2", instrument_id="ors", version="adult", **NO_ITEMS),
            told(ages=[(key("anna"), date(2025, 1, 10), 17)]),
        ),
    ),
    (
        "E08",
        both(
            cells("episodes", "e1", modality="guided_self_help", step="low_intensity"),
            cells("therapists", "t1", profession="pwp"),
        ),
    ),
    ("E08", cells("episodes", "e1", modality="CBT", step="high_intensity")),
    # The form delivered again under its own key replaces the one in the lake.
    (
        "S17",
        both(
            form(
                "r4",
                client_key=key("anna"),
                response_key=key("r1"),
                completed_at=datetime(2025, 1, 10, 12, 0),
            ),
            lake("responses", "r1"),
        ),
    ),
    (
        "N12",
        both(second_session(session_key=key("s2")), lake("sessions", "s2")),
    ),
]
