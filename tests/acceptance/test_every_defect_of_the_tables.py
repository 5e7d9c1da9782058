"""Defects of the finished tables, each planted in a copy of one clean demo clinic's tables."""

from __future__ import annotations

import re
import shutil
from datetime import datetime

import duckdb
import pytest

from expectations.catalogue import load_rules
from expectations.published.audit import measure_tables, results_of
from expectations.published.suites import check_marts
from pipeline import night
from pipeline.audit.table_hashes import check_repeatable
from pipeline.home import Home
from pipeline.steps import build
from pipeline.storage.configuration import read_registry
from pipeline.storage.ledger import Ledger
from tests.pipeline.demo_export import Export
from tests.pipeline.planted_defects import PLANTED

RULES = load_rules()
RUN_AT = datetime(2026, 11, 1, 6, 0)
# Fewer than 100 forms of a kind in a month: a young clinic's scores move with its case-mix (P09).
N_SESSIONS = 2_400
SOMEBODY = "(select min(therapist_key) from core.fct_sessions)"
# One defect a rule, as SQL on the published tables.
DEFECTS = {
    "P01": "update quality.dq_balance set is_balanced = false, n_loaded = n_loaded - 1 "
    "where table_name = 'clients'",
    "P02": "insert into core.fct_scores from core.fct_scores limit 1",
    "P03": "update common_factors.cf_dropout_survival set estimate = ci_high + 0.1",
    "P04": "update common_factors.cf_alliance_outcome set estimate = -0.5 where n_clients >= 100",
    "P05": "update core.fct_episodes set jt_class = 'cured' where jt_class = 'recovered'",
    "P08": "; ".join(
        f"update common_factors.{table} set benchmark_source = null"
        for table in ("cf_variance_shares", "cf_alliance_symptom_lag", "cf_rupture_outcome")
    ),
    # Two months with many forms, and the second five points higher.
    "P09": "update core.fct_scores set completed_at = "
    "case when completed_at < '2025-06-01' then timestamp '2024-03-10' "
    "else timestamp '2026-03-10' end, "
    "score = case when completed_at < '2025-06-01' then score else score + 5 end "
    "where instrument_id = 'phq9'",
    "S27": "delete from process.fct_alerts where alert_kind = 'risk_item'",
    "S30": "update core.fct_scores set score = 60 where instrument_id = 'wai_sr' "
    f"and scale = 'total' and therapist_key = {SOMEBODY}",
    "S33": "update core.fct_scores set score = 20, instrument_id = "
    "case instrument_id when 'phq9' then 'ors' else 'srs' end "
    "where instrument_id in ('phq9', 'gad7')",
    "N20": "update core.fct_sessions set session_number = null where episode_key = "
    "(select min(episode_key) from core.fct_sessions where session_number > 1)",
    "S40": "update core.fct_scores set session_link = 'ambiguous'",
    "N13": f"update core.fct_sessions set is_attended = false where therapist_key = {SOMEBODY}",
    "E09": "update core.fct_episodes set outcome_pre_at = null, improvement = null",
    "E10": "update core.fct_episodes set n_outcome_scores = 1, improvement = null",
    "E11": "update core.fct_episodes set n_outcome_scores = 1 where episode_key = "
    "(select min(episode_key) from core.fct_episodes where improvement is not null)",
    "E12": "update core.fct_episodes set problem = null, age_years_at_start = null "
    "where n_sessions_attended > 2",
    # Two months of discharges, and in the second nobody recorded why.
    "E14": "update core.fct_episodes set end_date = "
    "case when day(start_date) < 15 then date '2026-01-10' else date '2026-02-10' end, "
    "discharge_reason = case when day(start_date) < 15 then 'dropout' end",
    "T05": "update core.fct_sessions set session_at = timestamp '2026-01-05 10:00:00' "
    f"where therapist_key = {SOMEBODY}",
    "T06": "update core.fct_episodes set is_mixed_therapist = true",
    "W01": "insert into quality.dq_waivers (rule_id, valid_until, is_expired) "
    "values ('S22', date '2026-01-01', true)",
}
# The answers are read from the lake: an item turned round; three blocks of other people's answers.
ANSWERS = {
    "S10": "3 - item_1 as item_1",
    "S11": ", ".join(
        f"lag(item_{item}, {item // 3 * 7 + 1}) over (order by instrument_id, response_key) "
        f"as item_{item}"
        for item in range(1, 10)
    ),
}
# One turned item takes the reliability of its scale along.
UNAVOIDABLE = {"S10": {"S11"}}
# Proved where the engine itself is broken on purpose.
ELSEWHERE = {
    "P06": "tests/pipeline/steps/test_public_file.py",
    "P07": "test_tables_that_differ_from_those_of_the_same_input, below",
    "P10": "tests/acceptance/test_one_clinic_never_stops_the_others.py",
    "P11": "tests/acceptance/test_one_clinic_never_stops_the_others.py",
    "S34": "tests/pipeline/steps/test_scores_not_lost.py",
    "S35": "tests/pipeline/steps/test_scores_not_lost.py",
    "S36": "tests/expectations/checks/test_rules_find_their_defect.py",
    "S37": "tests/expectations/checks/test_rules_find_their_defect.py",
    "X01": "tests/expectations/test_canary.py",
}


def test_every_rule_of_the_catalogue_is_planted():
    """Row rules in tests/pipeline, these here; the 81 of the project's list are among them."""
    planted = {*PLANTED, *DEFECTS, *ANSWERS, *ELSEWHERE}
    wanted = {"F": 8, "S": 33, "N": 13, "E": 12, "T": 6, "P": 9}
    project = {f"{kind}{n:02}" for kind, last in wanted.items() for n in range(1, last + 1)}

    assert planted == {rule.id for rule in RULES.rules}
    assert len(project) == 81
    assert project <= planted


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> tuple[Home, str]:
    """One clean clinic, built and not yet audited."""
    root = tmp_path_factory.mktemp("clean_clinic")
    place = Home(root / "home")
    place.root.mkdir()
    place.prepare()
    (root / "drawn").mkdir()
    Export.of_demo(root / "drawn", N_SESSIONS).write(place.landing / "harbor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(place.root))
        patch.delenv("RAPPORT_CONFIG", raising=False)
        run_id = night.open_run()["run_id"]
        night.intake(run_id, "harbor")
        night.judge(run_id)
        night.accept(run_id)
        build.build(place, run_id)
    return place, run_id


@pytest.fixture(scope="module")
def judged(clean, tmp_path_factory):
    """A function: plant a defect in a copy of the tables (or the lake) and judge every rule."""
    place, _ = clean
    folder = tmp_path_factory.mktemp("copies")

    def check(defect: str = "", answers: str = "", suites: bool = False) -> list[dict]:
        copy, lake = folder / "analytics.duckdb", place.lake
        shutil.copy(place.building, copy)
        if defect:
            with duckdb.connect(str(copy)) as con:
                con.execute(defect)
        if answers:
            lake = folder / "lake"
            shutil.copytree(place.lake, lake, dirs_exist_ok=True)
            _change_answers(lake, answers)
        measures = measure_tables(copy, lake, read_registry(place), RULES)
        results = results_of(measures, RULES, "run", RUN_AT)
        return results + (check_marts(copy, "run", RUN_AT) if suites else [])

    return check


def _change_answers(lake, answers: str) -> None:
    """Change the PHQ-9 answers that the lake holds."""
    for path in (lake / "responses" / "clinic=harbor").rglob("*.parquet"):
        with duckdb.connect() as con:
            con.execute(f"create table forms as from '{path}'")
            con.execute(
                f"copy (select * replace ({answers}) from forms where instrument_id = 'phq9' "
                f"union all by name from forms where instrument_id <> 'phq9') "
                f"to '{path}' (format parquet)"
            )


def _failing(results: list[dict]) -> set[str]:
    return {row["rule_id"] for row in results if row["state"] in ("fail", "error")}


@pytest.mark.slow
@pytest.mark.parametrize("rule_id", DEFECTS)
def test_a_defect_of_the_tables_fails_exactly_its_rule(judged, rule_id):
    """The change classes are looked at by a suite of Great Expectations; it is asked there."""
    assert _failing(judged(DEFECTS[rule_id], suites=rule_id == "P05")) == {rule_id}


@pytest.mark.slow
@pytest.mark.parametrize("rule_id", ANSWERS)
def test_a_defect_of_the_answers_fails_exactly_its_rule(judged, rule_id):
    failing = _failing(judged(answers=ANSWERS[rule_id]))

    assert failing == {rule_id} | UNAVOIDABLE.get(rule_id, set())


@pytest.mark.slow
def test_the_tables_of_a_clean_clinic_show_no_failure(judged):
    results = judged(suites=True)

    assert {row["state"] for row in results} == {"pass", "not_applicable"}
    assert sum(row["state"] == "pass" for row in results) > 40


@pytest.mark.slow
def test_the_pages_of_a_clean_clinic_show_no_failure(clean, tmp_path, monkeypatch):
    """Headline, every check, rows to correct, index and Great Expectations' own pages."""
    place, run_id = clean
    root = tmp_path / "home"
    shutil.copytree(place.root, root, symlinks=True)
    monkeypatch.setenv("RAPPORT_HOME", str(root))
    monkeypatch.delenv("RAPPORT_CONFIG", raising=False)
    night.audit(run_id)
    night.report(run_id)
    page = (root / "reports" / run_id / "index.html").read_text(encoding="utf-8")
    docs = root / "reports" / "data_docs"

    assert set(re.findall(r'data-state="(\w+)"', page)) == {"pass", "not_applicable"}
    assert re.search(r">([1-9][\d,]*) of \1 checks passed\.", page)
    assert re.search(r"<h1>100 % of [\d,]+ rows usable", page)
    # Single rows may be flagged, fewer than the thresholds allow.
    assert "Held back: " not in page
    assert "Nothing fell short" in (root / "reports" / "index.html").read_text(encoding="utf-8")
    suites = re.findall(r"<td><i class.*?</i> (\w+)</td>", (docs / "index.html").read_text())
    assert len(suites) > 15
    assert set(suites) == {"Succeeded"}


@pytest.mark.slow
def test_tables_that_differ_from_those_of_the_same_input(clean, judged, tmp_path):
    """Rule P07: the same again passes, one changed cell does not."""
    place, run_id = clean
    copy = tmp_path / "analytics.duckdb"
    shutil.copy(place.building, copy)
    ledger = Ledger(place)
    for again in ("again", "once more"):
        ledger.open_run(again, RUN_AT, ledger.run(run_id)["fingerprint"])
    first = check_repeatable(place, run_id, place.building)
    same = check_repeatable(place, "again", copy)
    with duckdb.connect(str(copy)) as con:
        con.execute("update core.fct_episodes set problem = 'other' where problem = 'mixed'")
    other = check_repeatable(place, "once more", copy)

    assert (first.n_scope, first.n_failed) == (0, 0)
    assert same.n_scope > 20
    assert same.n_failed == 0
    assert (other.n_failed, other.detail) == (1, "core.fct_episodes")
