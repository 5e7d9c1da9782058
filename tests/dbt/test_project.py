"""The dbt project over a lake worked out by hand, built as the pipeline builds it."""

import copy
import json
import shutil
from functools import cache

import duckdb
import pytest

from tests.dbt.small_lake import SmallLake, key


def test_every_model_and_every_test_of_the_project_passes(built):
    """Nothing is skipped, and the unit tests really ran."""
    assert set(built.states.values()) == {"success", "pass"}, built.output
    assert len([name for name in built.states if name.startswith("unit_test ")]) >= 20
    assert built.states["fct_episodes"] == "success"


def test_no_chain_of_models_is_longer_than_fifteen(built):
    """What a number rests on can be read in an evening (docs/architecture.md)."""
    manifest = json.loads((built.path.parent / "target" / "manifest.json").read_text())
    needs = {
        name: [need for need in node["depends_on"]["nodes"] if need.startswith("model.")]
        for name, node in manifest["nodes"].items()
        if name.startswith("model.")
    }

    @cache
    def depth(model: str) -> int:
        return 1 + max(map(depth, needs[model]), default=0)

    # What adds up the finished alerts, and the view of it, come after the fifteen.
    longer = {model.split(".")[-1]: depth(model) for model in needs if depth(model) > 15}
    assert longer == {"mbc_fidelity": 16, "completeness_by_month": 17}
    # 10 of them are views of the schema analysis, which nothing rests on.
    assert len(manifest["nodes"]) <= 269


def test_the_file_holds_only_public_schemas(built):
    """Staging and intermediate tables stay in the scratch file."""
    schemas = built.ask("select distinct schema_name from duckdb_tables() order by 1")
    views = built.ask(
        "select distinct if(schema_name = 'analysis', schema_name, view_name) from duckdb_views() "
        "where not internal order by 1"
    )

    assert [schema for (schema,) in schemas] == [
        "common_factors",
        "core",
        "process",
        "quality",
    ]
    assert views == [("analysis",), ("dq_rule_status",)]


def test_a_replaced_response_is_gone_from_the_scores(built):
    """The typing error of 27 was replaced; 16 forms of c1 and c2 and three of c3 are left."""
    (first,) = built.ask(
        "select score, source_file from core.fct_scores "
        f"where response_key = '{key('p-s1')}' and scale = 'total'"
    )
    forms = built.ask("select count(distinct response_key), count(*) from core.fct_scores")

    assert first == (18.0, "harbor/fo2.csv")
    assert forms == [(19, 19 + 3 * 5)]


def test_a_form_without_a_session_finds_it_by_date(built):
    """The forms of 26 January name no session; the alliance form came after, PHQ-9 before."""
    found = built.ask(
        "select distinct instrument_id, session_key::varchar, episode_key::varchar, "
        "therapist_key::varchar from core.fct_scores "
        f"where response_key in ('{key('p-s4')}', '{key('w-s4')}') order by 1"
    )

    assert found == [
        ("phq9", key("s4"), key("e1"), key("t1")),
        ("wai_sr", key("s4"), key("e1"), key("t1")),
    ]


def test_sessions_are_numbered_without_the_missed_one(built):
    """Six booked, the third missed: 1, 2, none, 3, 4, 5."""
    numbers = built.ask(
        "select session_number from core.fct_sessions "
        f"where episode_key = '{key('e1')}' order by session_at"
    )

    assert [number for (number,) in numbers] == [1, 2, None, 3, 4, 5]


def test_an_episode_says_how_it_went(built):
    """PHQ-9 18 to 9 and GAD-7 12 to 7: recovered in both vocabularies."""
    (episode,) = built.ask(
        "select course_status, n_sessions_booked, n_sessions_attended, therapist_key::varchar, "
        "therapist_share, is_mixed_therapist, age_years_at_start, outcome_instrument_id, "
        "outcome_pre, outcome_post, improvement, jt_rc_value, jt_cutoff_value, jt_class, "
        "is_nhs_paired, is_nhs_finished_course, nhs_gad7_pre, nhs_gad7_post, nhs_is_recovered, "
        "nhs_is_reliably_recovered, is_dropout_eligible, dropout_unilateral, dropout_lt3, "
        "dropout_missed_last, dropout_without_reliable_change "
        f"from core.fct_episodes where episode_key = '{key('e1')}'"
    )

    assert episode[:7] == ("completed", 6, 5, key("t1"), 0.8, False, 41)
    assert episode[7:14] == ("phq9", 18.0, 9.0, 9.0, 6.0, 10.0, "recovered")
    assert episode[14:20] == (True, True, 12.0, 7.0, True, True)
    assert episode[20:] == (True, False, False, False, False)


def test_early_alliance_is_the_mean_of_sessions_three_to_five(built):
    """WAI-SR 44, 48 and 60: 50.667 of 12 to 60 is 80.556 percent; nothing came after."""
    (row,) = built.ask(
        "select early_alliance_instrument_id, early_alliance, early_alliance_pomp, "
        "n_early_alliance, post_after_early_alliance, alliance_session3_pomp "
        f"from core.fct_episodes where episode_key = '{key('e1')}'"
    )

    assert row[0] == "wai_sr"
    assert row[1] == pytest.approx(152 / 3)
    assert row[2] == pytest.approx(80.555556, abs=1e-6)
    assert row[3:5] == (3, None)
    assert row[5] == pytest.approx(66.666667, abs=1e-6)


def test_a_dropout_after_one_session_is_counted_by_each_definition(built):
    """One attended, the last booking missed; one form is no change."""
    (episode,) = built.ask(
        "select course_status, n_sessions_attended, outcome_pre, outcome_post, jt_class, "
        "is_dropout_eligible, dropout_unilateral, dropout_lt3, dropout_missed_last, "
        "dropout_without_reliable_change, early_alliance "
        f"from core.fct_episodes where episode_key = '{key('e2')}'"
    )

    assert episode[:5] == ("dropout", 1, 14.0, None, None)
    assert episode[5:] == (True, True, True, True, None, None)


def test_a_clinic_of_surveys_gets_sessions_and_episodes(built):
    """Three days with a form, the last after 113 days: three sessions in two episodes."""
    sessions = built.ask(
        "select session_at::date::varchar, session_number, is_derived, attendance "
        "from core.fct_sessions where clinic_id = 'survey' order by session_at"
    )
    episodes = built.ask(
        "select start_date::varchar, n_sessions_attended, is_derived, course_status, jt_class "
        "from core.fct_episodes where clinic_id = 'survey' order by start_date"
    )

    assert sessions == [
        ("2026-01-01", 1, True, "attended"),
        ("2026-01-08", 2, True, "attended"),
        ("2026-05-01", 1, True, "attended"),
    ]
    assert episodes == [
        ("2026-01-01", 2, True, "inactive_open", "improved"),
        ("2026-05-01", 1, True, "open", None),
    ]


def test_the_process_table_splits_alliance_within_and_between(built):
    """POMP 50, 58.3, 66.7, 75, 100: mean 70; one episode is rated, so between is 0."""
    rows = built.ask(
        "select alliance_pomp, alliance_within, alliance_between, alliance_within_lag1, "
        "outcome_score, outcome_next, improvement_next, is_alliance_ceiling, is_last_session "
        "from process.fct_session_process "
        f"where episode_key = '{key('e1')}' order by session_at"
    )

    assert [row[0] for row in rows] == pytest.approx([50, 58.333333, 66.666667, 75, 100])
    assert [row[1] for row in rows] == pytest.approx([-20, -11.666667, -3.333333, 5, 30])
    assert [row[2] for row in rows] == pytest.approx([0, 0, 0, 0, 0])
    assert rows[0][3] is None
    assert [row[3] for row in rows[1:]] == pytest.approx([-20, -11.666667, -3.333333, 5])
    assert [row[4:7] for row in rows] == [
        (18, 16, 2),
        (16, 13, 3),
        (13, 11, 2),
        (11, 9, 2),
        (9, None, None),
    ]
    assert [row[7] for row in rows] == [False, False, False, False, True]
    assert [row[8] for row in rows] == [False, False, False, False, True]


def test_every_file_balances(built):
    """18 received = 16 loaded + 2 duplicates; the replaced file holds one superseded row."""
    rows = built.ask(
        "select file_id, n_received, n_loaded, n_duplicate, n_superseded, n_quarantined, "
        "is_balanced from quality.dq_balance where file_id in ('fo1', 'fo2', 'se1', 'bad') "
        "order by file_id"
    )

    assert rows == [
        ("bad", 0, 0, 0, 0, 0, True),
        ("fo1", 1, 0, 0, 1, 0, True),
        ("fo2", 18, 16, 2, 0, 0, True),
        ("se1", 9, 8, 0, 0, 1, True),
    ]


def test_fidelity_counts_what_the_month_was_like(built):
    """January at Harbor: four attended sessions of two clients; r1 has no alliance form."""
    rows = built.ask(
        "select metric, numerator, denominator from quality.mbc_fidelity "
        "where scope_level = 'clinic' and scope_id = 'harbor' and month = '2026-01-01' "
        "and metric in ('completion', 'alliance_completion', 'reviewed', "
        "'first_session_baseline') order by metric"
    )

    assert rows == [
        ("alliance_completion", 3, 4),
        ("completion", 4, 4),
        ("first_session_baseline", 2, 2),
        ("reviewed", 1, 4),
    ]


def test_quality_tables_have_no_column_for_a_value(built):
    """Rule, counts, keys and reasons; nothing that could hold what a patient answered."""
    columns = {
        name
        for (name,) in built.ask(
            "select column_name from duckdb_columns() where schema_name = 'quality' "
            "and table_name like 'dq_%'"
        )
    }

    assert {"rule_id", "reason", "row_key", "n_failed", "is_balanced"} <= columns
    assert not columns & {"value", "score", "answer", "cell", "text", "client_id", "name"}


def test_a_lost_row_fails_the_build(dbt, small_lake, tmp_path):
    """One received row nobody accounts for: the balance test is red and says so."""
    broken = SmallLake(tmp_path / "lake", copy.deepcopy(small_lake.rows))
    next(row for row in broken.rows["files"] if row["file_id"] == "fo2")["n_received"] = 19
    broken.rows["responses"].append(broken.rows["responses"][-1] | {"file_id": "unknown"})
    broken.rows["responses"][-1]["response_key"] = key("nobody")

    found = dbt.build(
        broken.write(), tmp_path / "build", "--select", "+dq_balance", "test_type:singular"
    )

    assert found.states["every_file_is_balanced"] == "fail"
    assert found.states["every_lake_file_is_accounted_for"] == "fail"


def test_a_broken_contract_names_column_problem_and_clinic(built, tmp_path):
    """One query per table finds a missing key, a repeated row, another value and an orphan."""
    results = json.loads((built.path.parent / "target" / "run_results.json").read_text())
    (query,) = [
        row["compiled_code"]
        for row in results["results"]
        if row["unique_id"].startswith("test.rapport.contract_fct_sessions_")
    ]
    broken = tmp_path / built.path.name
    shutil.copy(built.path, broken)
    with duckdb.connect(str(broken)) as con:
        columns = [row[0] for row in con.execute("describe core.fct_sessions").fetchall()]
        listed = ", ".join(f"'noon' as {c}" if c == "attendance" else c for c in columns)
        con.execute(
            f"insert into core.fct_sessions select {listed} from core.fct_sessions "
            f"where session_key = '{key('s1')}'"
        )
        con.execute(f"delete from core.fct_episodes where episode_key = '{key('e1')}'")
        found = con.execute(query).fetchall()

    assert {row[:3] for row in found} == {
        ("harbor", "attendance", "another value"),
        ("harbor", "session_key", "not unique"),
        ("harbor", "episode_key", "not in its table"),
    }
