"""Carers who rate alone, questionnaires that change on the way, merged clients, couples.

Two nights of one home: the second brings the merge, and finds a file in the lake nobody delivered.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta

import duckdb
import pytest

from pipeline import night
from pipeline.storage.ledger import Ledger
from pipeline.storage.remarks import read_remarks

FIRST = date(2025, 9, 1)
ITEMS = ",".join(f"item_{n}" for n in range(1, 10))
RESPONSES = f"response_id,client_id,instrument,version,rater,completed_at,submitted_total,{ITEMS}"
SESSIONS = "session_id,client_id,therapist_id,session_at,attendance,duration_min"


def _land(place, clinic, name, header, rows):
    folder = place.landing / clinic
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _weekly(client, forms, *, total=""):
    """Return sessions and forms of a client, one a week: (instrument, version, rater, items)."""
    sessions, responses = [], []
    for week, (instrument, version, rater, items) in enumerate(forms):
        day = FIRST + timedelta(weeks=week)
        sessions.append(f"{client}-{week},{client},t-{client},{day} 10:00,attended,50")
        stored = sum(items) if total == instrument else ""
        cells = [""] * 9 if total == instrument else [*items, *[""] * (9 - len(items))]
        responses.append(
            f"{client}-f{week},{client},{instrument},{version},{rater},{day} 09:40,{stored},"
            + ",".join(map(str, cells))
        )
    return sessions, responses


def _deliver(place, clinic, *courses):
    _land(place, clinic, "sessions.csv", SESSIONS, [row for rows, _ in courses for row in rows])
    _land(place, clinic, "responses.csv", RESPONSES, [row for _, rows in courses for row in rows])


def _carers(place):
    """Parents rate the children below and on the cut-off of 28; one child did so once as well."""

    def rated(first, rater="observer"):
        return [("ors", "child", rater, items) for items in (first, [8] * 4, [8.5] * 4)]

    below, on = [6.9, 7, 7, 7], [7, 7, 7, 7]
    _deliver(
        place,
        "nursery",
        _weekly("k1", rated(below)),
        _weekly("k2", rated(on)),
        _weekly("k3", [*rated(below), ("ors", "child", "client", [2] * 4)]),
        _weekly("k4", [*rated(below), *rated(below, "client")]),
    )


def _changes(place):
    eight, nine = ([value] * n for value, n in ((2, 8), (1, 9)))
    phq8, phq9 = (
        [(name, "", "client", items)] * 3 for name, items in (("phq8", eight), ("phq9", nine))
    )

    def ors(before, after):
        return [("ors", before, "client", [6.7, 6.8] * 2)] * 2 + [
            ("ors", after, "client", [8] * 4)
        ] * 2

    _deliver(
        place,
        "changes",
        _weekly("v1", phq8 + phq9),
        _weekly("v2", phq9 + phq8),
        _weekly("v3", phq8 + phq9, total="phq9"),
        _weekly("v4", ors("adolescent", "adult")),
        _weekly("v5", ors("child", "adult")),
    )


def _merged(place):
    """One person under three identifiers, three sessions each."""
    sessions = []
    for week in range(9):
        day = FIRST + timedelta(weeks=week)
        sessions.append(f"m-{week},m{week // 3},t1,{day} 10:00,attended,50")
    _land(place, "merged", "sessions.csv", SESSIONS, sessions)
    clients = ["m0,f", "m2,m", "other,f"]
    _land(place, "merged", "clients.csv", "client_id,gender", clients)


def _pairs(place):
    rows = [
        f"p{week},{client},t1,{FIRST + timedelta(weeks=week)} 10:00,attended,50"
        for week in range(4)
        for client in ("ann", "bea")
    ]
    _land(place, "pairs", "sessions.csv", SESSIONS, rows)


def _night():
    run = night.open_run()
    for clinic in run["clinics"]:
        night.intake(run["run_id"], clinic)
    for step in (night.judge, night.accept, night.build, night.audit, night.report):
        step(run["run_id"])
    assert not night.gate(run["run_id"])["is_asked"]
    night.publish(run["run_id"])
    night.close_run(run["run_id"])
    return run["run_id"]


@pytest.fixture(scope="module")
def published(home_with):
    """The home after two nights, with the id of the second."""
    place = home_with("who")
    for deliver in (_carers, _changes, _merged, _pairs):
        deliver(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(place.root))
        patch.setenv("RAPPORT_CONFIG", str(place.config))
        _night()
        aliases = "client_id,merged_into,merged_on"
        _land(place, "merged", "aliases.csv", aliases, ["m0,m1,2025-11-01", "m1,m2,2025-11-02"])
        _land(place, "merged", "aliases_ring.csv", aliases, ["other,x,", "x,other,"])
        (own,) = (place.lake / "sessions" / "clinic=pairs").glob("*.parquet")
        shutil.copy(own, own.with_name("stray.parquet"))
        return place, _night()


@pytest.fixture
def ask(published):
    def answer(query):
        with duckdb.connect(str(published[0].published), read_only=True) as con:
            return con.execute(query).fetchall()

    return answer


def test_a_carers_rating_is_the_outcome_where_nobody_else_rates(ask):
    """27.9 is a case and 28.0 none, by the carer's cut-off; the child's own would be 32."""
    found = ask(
        "select outcome_pre, outcome_post, outcome_rater, jt_cutoff_value, jt_class, "
        "n_sessions_attended from core.fct_episodes where clinic_id = 'nursery' order by all"
    )

    assert found == [
        (27.9, 34.0, "client", 32.0, "recovered", 6),
        (27.9, 34.0, "observer", 28.0, "recovered", 3),
        (27.9, 34.0, "observer", 28.0, "recovered", 4),
        (28.0, 34.0, "observer", 28.0, "improved", 3),
    ]


def test_a_carers_forms_find_their_sessions(ask):
    links = ask(
        "select distinct session_link from core.fct_scores "
        "where clinic_id = 'nursery' and rater = 'observer'"
    )

    assert links == [("by_time",)]


def test_phq8_and_phq9_are_one_course_on_the_items_both_ask(ask):
    """v3 has totals of the PHQ-9 only: it starts anew, and the declared measure is followed."""
    found = ask(
        "select outcome_instrument_id, n_outcome_scores, outcome_pre, outcome_post, "
        "nhs_phq9_pre, nhs_phq9_post from core.fct_episodes "
        "where clinic_id = 'changes' and outcome_instrument_id like 'phq%' order by all"
    )

    assert found == [
        ("phq8", 6, 8.0, 16.0, 9.0, 9.0),
        ("phq8", 6, 16.0, 8.0, 9.0, 9.0),
        ("phq9", 3, 9.0, 9.0, 9.0, 9.0),
    ]


def test_each_score_is_judged_by_the_cut_off_of_the_form_it_was_given_on(ask):
    """27 on the adolescent form is a case (below 28), and 32 on the adult one is none (25)."""
    found = ask(
        "select n_outcome_scores, outcome_pre, outcome_post, jt_cutoff_value_at_start, "
        "jt_cutoff_value, jt_class from core.fct_episodes "
        "where clinic_id = 'changes' and outcome_instrument_id = 'ors' order by all"
    )
    by_method = ask(
        "select distinct version, is_case_at_start, is_case_at_end from core.fct_episode_change "
        "where clinic_id = 'changes' and instrument_id = 'ors' and is_primary_outcome "
        "and method = 'registry' and n_scores = 4"
    )

    assert found == [
        (2, 32.0, 32.0, 25.0, 25.0, "unchanged"),
        (4, 27.0, 32.0, 28.0, 25.0, "recovered"),
    ]
    assert by_method == [("adult", True, False)]


def test_merged_identifiers_are_one_person_in_what_came_before_as_well(ask):
    """A chain of three; the record of the identifier that stays describes the person."""
    sessions = ask(
        "select count(distinct client_key), count(distinct episode_key), count(*), "
        "max(session_number) from core.fct_sessions where clinic_id = 'merged'"
    )
    clients = ask("select gender from core.dim_clients where clinic_id = 'merged' order by all")

    assert sessions == [(1, 1, 9, 9)]
    assert clients == [("f",), ("m",)]


def test_a_circle_is_refused_with_a_sentence_and_the_rest_goes_on(published):
    place, _ = published
    files = {row["source_file"]: row for row in Ledger(place).all_files()}

    assert files["aliases_ring.csv"]["status"] == "refused"
    assert "merged in a circle" in files["aliases_ring.csv"]["reason"]
    assert files["aliases.csv"]["status"] == "accepted"


def test_a_couples_appointment_is_no_double_booking(ask):
    rows = ask(
        "select sum(n_scope), sum(n_failed) from quality.dq_rule_results "
        "where rule_id = 'N03' and clinic_id = 'pairs'"
    )

    assert rows == [(8, 0)]


def test_a_lake_file_nobody_delivered_is_set_aside_and_named(published, ask):
    place, run_id = published
    aside = place.quarantine / "unknown" / run_id / "lake" / "sessions" / "clinic=pairs"

    assert (aside / "stray.parquet").exists()
    assert any("stray.parquet" in remark.where for remark in read_remarks(place, run_id))
    assert ask("select count(*) from core.fct_sessions where clinic_id = 'pairs'") == [(8,)]


def test_what_too_few_forms_cannot_tell_is_said(ask, published):
    place, _ = published
    notes = dict(
        ask(
            "select instrument_id, any_value(message) from quality.dq_form_changes "
            "where change = 'too_few_forms' and clinic_id = 'changes' group by all"
        )
    )
    states = ask(
        "select distinct state from quality.dq_rule_results "
        "where rule_id = 'S41' and clinic_id = 'changes'"
    )

    assert notes.keys() == {"phq8", "phq9", "ors"}
    assert "9 form(s) so far, fewer than 30" in notes["phq8"]
    assert states == [("not_applicable",)]
    page = max((place.reports).glob("*/index.html")).read_text(encoding="utf-8")
    assert "Too few forms to tell" not in page  # nothing of the second night's files
