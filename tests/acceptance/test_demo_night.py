"""The demo clinics through a whole night: what comes out is what was planted."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pipeline.steps.publish import LINKS, published_run, releases

TABLES = (
    "core.dim_clinics",
    "core.dim_therapists",
    "core.dim_clients",
    "core.dim_instruments",
    "core.fct_episodes",
    "core.fct_sessions",
    "core.fct_scores",
    "process.fct_session_process",
    "common_factors.cf_alliance_outcome",
    "common_factors.cf_within_between_alliance",
    "common_factors.cf_early_alliance_dropout",
    "common_factors.cf_therapist_effect",
    "common_factors.cf_therapist_caterpillar",
    "common_factors.cf_dropout_definitions",
    "common_factors.cf_within_between_therapist",
    "common_factors.cf_variance_shares",
    "common_factors.cf_modality_equivalence",
    "common_factors.cf_alliance_symptom_lag",
    "common_factors.cf_alliance_trajectory",
    "common_factors.cf_alliance_trajectory_summary",
    "common_factors.cf_dropout_hazard",
    "common_factors.cf_dropout_survival",
    "common_factors.cf_congruence",
    "common_factors.cf_congruence_sessions",
    "common_factors.cf_congruence_clients",
    "common_factors.cf_empathy_outcome",
    "common_factors.cf_core_conditions",
    "common_factors.cf_goal_consensus_collaboration",
    "common_factors.cf_attachment_alliance",
    "common_factors.cf_homework",
    "common_factors.cf_countertransference",
    "quality.dq_rule_results",
    "quality.dq_quarantine",
    "quality.dq_balance",
    "quality.mbc_fidelity",
)


@pytest.mark.parametrize("table", TABLES)
def test_every_public_table_has_rows(demo_home, ask, table):
    assert ask(demo_home, f"select count(*) from {table}")[0][0] > 0


def test_every_row_received_is_accounted_for(demo_home, ask):
    rows = ask(
        demo_home,
        """
        select sum(n_received), sum(n_loaded), sum(n_duplicate), sum(n_superseded),
            sum(n_quarantined), sum(n_erased), count(*) filter (not is_balanced)
        from quality.dq_balance
        """,
    )
    received, loaded, duplicate, superseded, quarantined, erased, unbalanced = rows[0]

    assert received == loaded + duplicate + superseded + quarantined + erased
    assert unbalanced == 0
    assert received > loaded > 0
    assert duplicate > 0
    assert quarantined > 0


def test_every_clinic_and_format_arrived(demo_home, ask):
    assert ask(demo_home, "select clinic_id from core.dim_clinics order by all") == [
        ("harbor",),
        ("lakeside",),
        ("summit",),
    ]


def test_every_planted_error_is_caught_where_it_was_planted(demo_home, ask):
    """Caught = planted: each entry of the manifest by its rule, at its file and line."""
    manifest = [row for row in _manifest(demo_home) if row["rule_id"] != "duplicate"]
    caught = set(
        ask(
            demo_home,
            "select clinic_id, source_file, table_name, source_line, rule_id "
            "from quality.dq_quarantine",
        )
    )

    missed = [
        (row["clinic"], row["file"], row["table"], row["line"], row["rule_id"])
        for row in manifest
        if (row["clinic"], row["file"], row["table"], row["line"], row["rule_id"]) not in caught
    ]
    assert len(manifest) >= 50
    assert len({row["rule_id"] for row in manifest}) >= 12
    assert missed == []


def test_nothing_is_quarantined_that_was_not_planted(demo_home, ask):
    """Rows taken out by a rule are planted ones, or named in the manifest as their consequence."""
    planted = {
        (row["clinic"], row["file"], row["line"], rule_id)
        for row in _manifest(demo_home)
        for rule_id in (row["rule_id"], *row["also"])
    }
    taken_out = set(
        ask(
            demo_home,
            "select clinic_id, source_file, source_line, rule_id from quality.dq_quarantine "
            "where status = 'open'",
        )
    )

    assert taken_out - planted == set()


def test_planted_duplicates_are_counted_and_loaded_once(demo_home, ask):
    planted = Counter(
        row["clinic"] for row in _manifest(demo_home) if row["rule_id"] == "duplicate"
    )
    counted = dict(
        ask(
            demo_home,
            "select clinic_id, sum(n_duplicate) from quality.dq_balance group by clinic_id",
        )
    )

    assert {clinic: int(n) for clinic, n in counted.items()} == planted


def test_scores_keep_how_they_came_about(demo_home, ask):
    n, complete, bad_null = ask(
        demo_home,
        """
        select count(*), count(*) filter (n_answered = n_items and score is not null),
            count(*) filter (score is not null and n_answered = 0 and score_source = 'computed')
        from core.fct_scores
        """,
    )[0]

    assert n > complete > 0
    assert bad_null == 0


def test_a_second_night_with_nothing_new_publishes_nothing(demo_home, night):
    before = (published_run(demo_home), releases(demo_home))

    assert night(demo_home) == "success"

    assert (published_run(demo_home), releases(demo_home)) == before


def test_the_report_of_the_run_is_linked_from_the_index(demo_home):
    index = (demo_home.reports / "index.html").read_text(encoding="utf-8")

    assert published_run(demo_home) in index
    assert (demo_home.reports / published_run(demo_home) / "index.html").exists()


def test_the_published_file_holds_the_public_schemas_and_nothing_else(demo_home, ask):
    schemas = {row[0] for row in ask(demo_home, "select schema_name from duckdb_tables()")}

    assert schemas == {"core", "process", "common_factors", "quality"}
    beside = {path.name for path in demo_home.published.resolve().parent.iterdir()}
    assert beside == {*LINKS, "basis"}


def _manifest(place):
    content = json.loads((place.root / "demo" / "defects.json").read_text(encoding="utf-8"))
    return content["defects"] if isinstance(content, dict) else content
