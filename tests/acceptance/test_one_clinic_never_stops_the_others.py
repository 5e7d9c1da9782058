"""Clinics of a handful of clients, whatever they send, and a clinic that breaks a promise."""

from __future__ import annotations

import shutil
from datetime import date, timedelta

import duckdb
import pytest

from pipeline import night
from pipeline.home import REPOSITORY, Home
from pipeline.steps import leaving_out
from pipeline.storage.ledger import Ledger
from transforms.errors import BuildError

RESPONSES = "response_id,client_id,instrument,version,rater,completed_at,session_id,"
SESSIONS = "session_id,episode_id,client_id,therapist_id,session_at,attendance"
EPISODES = "episode_id,client_id,therapist_id,start_date,end_date,discharge_reason"
FIRST = date(2025, 9, 1)


def _land(place: Home, clinic: str, table: str, header: str, rows: list[str]) -> None:
    folder = place.landing / clinic
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{table}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _courses(place: Home, clinic: str, clients: dict[str, list[tuple]], *, therapists=1) -> None:
    """Land one course per client: a session a week, with the forms (instrument, version, items)."""
    sessions, episodes, forms = [], [], []
    for number, (client, weeks) in enumerate(clients.items()):
        therapist, episode = f"{clinic}-t{number % therapists}", f"{clinic}-e{number}"
        last = FIRST + timedelta(weeks=len(weeks))
        episodes.append(f"{episode},{client},{therapist},{FIRST},{last},completed")
        for week, filled in enumerate(weeks):
            day, session = FIRST + timedelta(weeks=week), f"{episode}-s{week}"
            sessions.append(f"{session},{episode},{client},{therapist},{day} 10:00,attended")
            forms += [
                f"{session}-{form},{client},{instrument},{version},client,{day} 09:5{form},"
                f"{session},{','.join(map(str, items))}"
                for form, (instrument, version, items) in enumerate(filled)
            ]
    _land(place, clinic, "sessions", SESSIONS, sessions)
    _land(place, clinic, "episodes", EPISODES, episodes)
    names = ",".join(f"item_{n}" for n in range(1, 5))
    _land(place, clinic, "responses", RESPONSES + names, forms)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A night over three clinics; rows of rowan are in the lake twice, as no delivery could be."""
    root = tmp_path_factory.mktemp("neighbors")
    shutil.copytree(REPOSITORY / "config", root / "config")
    place = Home(root / "home", root / "config")
    place.root.mkdir()
    place.prepare()
    # willow: no rupture in 14 courses of one therapist, the same scores every week.
    flat = [[("ors", "adult", [4, 4, 4, 4]), ("srs", "v3", [9.1, 9.1, 9.1, 9.1])]] * 6
    _courses(place, "willow", {f"w{n}": flat for n in range(14)})
    # hazel: courses whose version changes on the way, two scores and more on each side.
    switch, grown = (
        [[("ors", before if week < 3 else after, [week + 2] * 4)] for week in range(7)]
        for before, after in (("child", "adolescent"), ("adolescent", "adult"))
    )
    _courses(place, "hazel", {"h1": switch, "h2": grown}, therapists=2)
    steady = [[("ors", "adult", [week + 3] * 4)] for week in range(5)]
    _courses(place, "rowan", {f"r{n}": steady for n in range(3)}, therapists=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(place.root))
        patch.setenv("RAPPORT_CONFIG", str(place.config))
        run = night.open_run()
        for clinic in run["clinics"]:
            night.intake(run["run_id"], clinic)
        night.judge(run["run_id"])
        night.accept(run["run_id"])
        (own,) = (place.lake / "sessions" / "clinic=rowan").glob("*.parquet")
        twice = own.with_name("twice")
        rows = f"read_parquet('{own}', hive_partitioning = false)"
        duckdb.sql(f"copy (from {rows} union all from {rows}) to '{twice}' (format parquet)")
        twice.replace(own)
        night.build(run["run_id"])
        night.audit(run["run_id"])
        night.report(run["run_id"])
        assert not night.gate(run["run_id"])["is_asked"]
        night.publish(run["run_id"])
        with pytest.raises(BuildError) as told:
            night.close_run(run["run_id"])
        yield place, run["run_id"], str(told.value)


def _ask(place: Home, query: str) -> list[tuple]:
    with duckdb.connect(str(place.published), read_only=True) as con:
        return con.execute(query).fetchall()


def test_the_others_are_published(published):
    place, *_ = published

    found = _ask(place, "select clinic_id, count(*) from core.fct_episodes group by 1 order by 1")
    assert found == [("hazel", 2), ("willow", 14)]


def test_who_was_left_out_is_named_with_promise_and_table_wherever_people_look(published):
    place, run_id, told = published

    assert "published without 1 clinic(s)" in told
    assert "rowan" in told
    (promises,) = leaving_out.left_out(place, run_id).values()
    assert any("sessions" in promise for promise in promises)
    summary = (place.work(run_id) / "summary.txt").read_text(encoding="utf-8")
    assert "clinic rowan: left out, its rows break a promise of the tables: " in summary
    page = (place.reports / run_id / "index.html").read_text(encoding="utf-8")
    assert "P11" in page
    assert "<b>clinic rowan</b>: left out" in page
    held = {r["clinic_id"]: r["reason"] for r in Ledger(place).all_files() if r["status"] == "held"}
    assert set(held) == {"rowan"}
    assert held["rowan"].startswith(f"left out of run {run_id}: ")


def test_no_estimator_broke_off(published):
    place, *_ = published
    rows = _ask(
        place,
        "select table_name, state, n_failed from quality.dq_rule_results where rule_id = 'P10'",
    )
    tables = {table for table, *_ in rows}

    assert {"common_factors.cf_therapist_effect", "common_factors.cf_dropout_hazard"} <= tables
    assert {state for _, state, _ in rows} <= {"pass", "not_applicable"}


def test_no_rupture_in_any_course_reaches_down_to_zero_exactly(published):
    place, *_ = published
    rows = _ask(
        place,
        "select rupture_percent, rupture_percent_ci_low, rupture_percent_ci_high "
        "from common_factors.cf_rupture_summary where scope_id = 'willow' "
        "and rupture_percent is not null",
    )

    assert rows
    assert {(share, low) for share, low, _ in rows} == {(0.0, 0.0)}
    assert all(0 < high < 100 for *_, high in rows)


def test_a_version_that_continues_another_is_one_course_and_any_other_is_not(published):
    """Adolescent to adult is the same form; the child's asks differently, and ends there."""
    place, *_ = published
    rows = _ask(
        place,
        "select version, is_primary_outcome, n_scores, score_pre, score_post "
        "from core.fct_episode_change where clinic_id = 'hazel' and method = 'registry' "
        "order by n_scores, version",
    )
    headline = _ask(
        place,
        "select outcome_pre, outcome_post, jt_cutoff_value, jt_class from core.fct_episodes "
        "where clinic_id = 'hazel' order by outcome_pre",
    )

    assert rows == [
        ("child", False, 3, 8.0, 16.0),
        ("adolescent", True, 4, 20.0, 32.0),
        ("adult", True, 7, 8.0, 32.0),
    ]
    assert headline == [(8.0, 32.0, 25.0, "recovered"), (20.0, 32.0, 28.0, "recovered")]


def test_the_next_night_reads_the_clinic_again(published, monkeypatch):
    place, *_ = published
    monkeypatch.setenv("RAPPORT_HOME", str(place.root))
    monkeypatch.setenv("RAPPORT_CONFIG", str(place.config))

    assert night.open_run()["clinics"] == ["rowan"]
