"""Rules on the finished tables: each is broken once and kept once, at its edge."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest

from expectations.catalogue import Catalogue, load_rules
from expectations.published.audit import IN_PYTHON, broken_promises, results_of
from expectations.published.measures import (
    MEASURES,
    NEEDS,
    measure,
    measured_rules,
    query_of,
)
from transforms.errors import ConfigError

RULES = load_rules()
RUN_AT = datetime(2026, 1, 1, 6, 0)
TABLES = {
    "core.dim_clinics": "clinic_id varchar, clinic_group varchar",
    "core.dim_clients": "clinic_id varchar, client_key varchar, gender varchar, employment varchar",
    "core.dim_instruments": (
        "instrument_id varchar, version varchar, rater varchar, language varchar, family varchar,"
        " primary_scale varchar, score_max double, is_default boolean"
    ),
    "core.fct_episodes": (
        "clinic_id varchar, episode_key varchar, client_key varchar, problem varchar,"
        " age_years_at_start integer, n_sessions_attended bigint, first_session_at timestamp,"
        " outcome_pre_at timestamp, outcome_post_at timestamp, n_outcome_scores bigint,"
        " improvement double, is_nhs_finished_course boolean, discharge_reason varchar,"
        " is_mixed_therapist boolean, end_date date, is_derived boolean default false"
    ),
    "core.fct_sessions": (
        "clinic_id varchar, session_key varchar, therapist_key varchar, session_at timestamp,"
        " is_attended boolean, session_type varchar, is_derived boolean default false,"
        " is_treatment boolean default true, session_number bigint default 1"
    ),
    "core.fct_scores": (
        "clinic_id varchar, response_key varchar, session_key varchar, therapist_key varchar,"
        " instrument_id varchar, version varchar default 'v', rater varchar default 'client',"
        " scale varchar default 'total', score double, completed_at timestamp,"
        " session_link varchar default 'given'"
    ),
    "process.fct_session_process": "session_key varchar",
    "common_factors.cf_alliance_outcome": (
        "scope_level varchar, scope_id varchar, estimate double, n_clients bigint"
    ),
    "quality.dq_balance": (
        "clinic_id varchar, table_name varchar, n_received bigint, n_loaded bigint,"
        " n_duplicate bigint default 0, n_superseded bigint default 0,"
        " n_quarantined bigint default 0, n_erased bigint default 0, is_balanced boolean"
    ),
    "quality.dq_waivers": (
        "clinic_id varchar, rule_id varchar, valid_until date, is_expired boolean"
    ),
}
EPISODE = {
    "n_sessions_attended": 2,
    "first_session_at": "2026-01-05 10:00",
    "outcome_pre_at": "2026-01-05 23:00",
    "outcome_post_at": "2026-02-05",
    "n_outcome_scores": 2,
    "improvement": 3.0,
    "is_nhs_finished_course": True,
    "discharge_reason": "completed",
    "problem": "depression",
    "age_years_at_start": 40,
    "client_key": "c",
    "is_mixed_therapist": False,
}


@pytest.fixture
def tables(con):
    """A function that adds rows to a published table; all tables are there, empty."""
    for table, columns in TABLES.items():
        con.execute(f"create schema if not exists {table.split('.')[0]}")
        con.execute(f"create table {table} ({columns})")
    con.execute(
        "create temp view lake_scales as select * from (values "
        "('phq9', 'v', 'client', 'any', 'total', 16.0, 5.0)) as s(instrument_id, version,"
        " rater, language, scale, clinical_mean, clinical_sd)"
    )

    def add(table: str, *rows: dict) -> None:
        for row in rows:
            filled = {"clinic_id": "harbor"} | row if "clinic_id " in TABLES[table] else row
            marks = ", ".join("?" for _ in filled)
            con.execute(
                f"insert into {table} ({', '.join(filled)}) values ({marks})", [*filled.values()]
            )

    add("core.dim_clinics", {"clinic_id": "harbor"}, {"clinic_id": "summit"})
    return add


@pytest.fixture
def found(con, tables):
    """A function that returns (n_scope, n_failed) of a rule in one clinic (None: in no single)."""

    def ask(rule_id: str, clinic_id: str | None = "harbor", table: str | None = None) -> tuple:
        measures = [
            each
            for each in measure(con, RULES, leave_out=IN_PYTHON)
            if each.rule_id == rule_id
            and each.clinic_id == clinic_id
            and table in (None, each.table_name)
        ]
        assert len(measures) == 1, measures
        assert measures[0].error is None
        return measures[0].n_scope, measures[0].n_failed

    return ask


@pytest.mark.parametrize(
    ("rule_id", "changes", "n_failed"),
    [
        ("E09", {}, 0),
        ("E09", {"outcome_pre_at": "2026-01-06 00:00"}, 1),
        ("E09", {"outcome_pre_at": None}, 1),
        ("E10", {}, 0),
        ("E10", {"n_outcome_scores": 1}, 1),
        ("E10", {"n_outcome_scores": None}, 1),
        ("E11", {}, 0),
        ("E11", {"n_outcome_scores": 1}, 1),
        ("E11", {"outcome_post_at": "2026-01-05 23:00"}, 1),
        ("T06", {}, 0),
        ("T06", {"is_mixed_therapist": True}, 1),
    ],
)
def test_rules_about_an_episode(tables, found, rule_id, changes, n_failed):
    """One episode: it is in scope, and broken or not; the other clinic has nothing in scope."""
    tables("core.fct_episodes", EPISODE | changes)

    assert found(rule_id) == (1, n_failed)
    assert found(rule_id, "summit") == (0, 0)


@pytest.mark.parametrize(
    ("rule_id", "changes"),
    [
        ("E09", {"n_sessions_attended": 1}),
        ("E10", {"is_nhs_finished_course": False}),
        ("E11", {"improvement": None}),
        ("T06", {"is_mixed_therapist": None}),
    ],
)
def test_episodes_out_of_scope(tables, found, rule_id, changes):
    tables("core.fct_episodes", EPISODE | changes)

    assert found(rule_id) == (0, 0)


def test_case_mix_counts_the_fields_that_a_clinic_delivers(tables, found):
    """Employment is never delivered: three fields times two episodes, one cell empty."""
    tables("core.dim_clients", {"client_key": "c", "gender": "f"})
    tables("core.fct_episodes", EPISODE, EPISODE | {"problem": None})

    assert found("E12") == (6, 1)


def _ended(month: str, n: int, n_unknown: int) -> list[dict]:
    return [
        {"end_date": f"{month}-15", "discharge_reason": None if number < n_unknown else "dropout"}
        for number in range(n)
    ]


@pytest.mark.parametrize(
    ("n", "n_unknown", "scope"),
    [
        # 12 % and 22 % are not more than 10 points apart; 23 % are, and 3.1 standard errors.
        (100, 22, (1, 0)),
        (100, 23, (1, 1)),
        # As far below: 2 % is 10 points from 12 %, 1 % is 11 and 4.7.
        (200, 4, (1, 0)),
        (200, 2, (1, 1)),
        # 35 % of 20 are 23 points off and 3.1 standard errors, 30 % are 18 and 2.4.
        (20, 7, (1, 1)),
        (20, 6, (1, 0)),
        (19, 19, (0, 0)),
    ],
)
def test_a_leap_in_unknown_discharge_reasons(tables, found, n, n_unknown, scope):
    """900 episodes of the 12 months before, 108 of them (12 %) without a known reason."""
    for month in ("2025-01", "2025-06", "2025-12"):
        tables("core.fct_episodes", *_ended(month, 300, 36))
    tables("core.fct_episodes", *_ended("2026-01", n, n_unknown))
    # June and December have months before them too, and do not leap.
    expected = (scope[0] + 2, scope[1])

    assert found("E14") == expected


def test_discharges_of_more_than_a_year_ago_are_no_comparison(tables, found):
    tables("core.fct_episodes", *_ended("2024-12", 300, 0), *_ended("2026-01", 100, 100))

    assert found("E14") == (0, 0)


def _booked(therapist: str, n: int, n_missed: int) -> list[dict]:
    return [
        {
            "session_key": f"{therapist}{number}",
            "therapist_key": therapist,
            "session_at": "2026-01-05 10:00",
            "is_attended": number >= n_missed,
        }
        for number in range(n)
    ]


@pytest.mark.parametrize(("n_missed", "n_failed"), [(12, 0), (13, 1)])
def test_a_therapist_far_from_the_others_in_missed_sessions(tables, found, n_missed, n_failed):
    """Five others miss 4 of 20 each: mean .2, no spread beyond chance.

    For 30 sessions the limit is .2 + 3 x sqrt(.2 x .8 / 30) = .4191: 12 are .400, 13 are .433.
    """
    for therapist in "abcde":
        tables("core.fct_sessions", *_booked(therapist, 20, 4))
    tables("core.fct_sessions", *_booked("f", 30, n_missed))

    assert found("N13") == (6, n_failed)


@pytest.mark.parametrize(("others", "n"), [("abcd", 20), ("abcde", 19)])
def test_too_few_others_or_sessions_to_compare_with(tables, found, others, n):
    for therapist in others:
        tables("core.fct_sessions", *_booked(therapist, n, 4))
    tables("core.fct_sessions", *_booked("f", 30, 30))

    assert found("N13") == (0, 0)


@pytest.mark.parametrize(("n", "n_failed"), [(60, 0), (61, 1)])
def test_more_sessions_a_week_than_a_person_holds(tables, found, n, n_failed):
    tables("core.fct_sessions", *_booked("t", n, 0))

    assert found("T05") == (1, n_failed)


@pytest.mark.parametrize(("n_top", "n_failed"), [(3, 0), (4, 1)])
def test_alliance_at_the_ceiling(tables, found, n_top, n_failed):
    """4 of 10 forms at the highest score is 40 %; a therapist with nine forms is not judged."""
    wai = {
        "instrument_id": "wai_sr",
        "version": "v",
        "rater": "client",
        "language": "any",
        "family": "alliance",
        "primary_scale": "total",
        "score_max": 60,
        "is_default": True,
    }
    tables("core.dim_instruments", wai)
    form = {"instrument_id": "wai_sr", "completed_at": "2026-01-05"}
    for number in range(10):
        tables(
            "core.fct_scores", form | {"therapist_key": "t1", "score": 60 if number < n_top else 59}
        )
    for _ in range(9):
        tables("core.fct_scores", form | {"therapist_key": "t2", "score": 60})

    assert found("S30") == (1, n_failed)


@pytest.mark.parametrize(
    ("n", "srs", "scope"), [(19, 20.1, (0, 0)), (20, 20.1, (20, 19)), (20, 20.2, (20, 0))]
)
def test_equal_totals_of_ors_and_srs(tables, found, n, srs, scope):
    """From 20 sessions on; all but one equal within .1, or none."""
    for number in range(n):
        both = {"session_key": f"s{number}", "completed_at": "2026-01-05"}
        tables(
            "core.fct_scores",
            both | {"instrument_id": "ors", "score": 20.0},
            both | {"instrument_id": "srs", "score": srs if number else 36.0},
        )

    assert found("S33") == scope


def test_a_risk_answer_without_an_alert(con, tables, found):
    """Not applicable until there are alerts; then every flagged form needs one of its kind."""
    tables(
        "core.fct_scores",
        {"response_key": "r1", "score": 12, "completed_at": "2026-01-05"},
        {"response_key": "r2", "score": 3, "completed_at": "2026-01-05"},
    )
    con.execute(
        "create temp view lake_flags as select * from (values ('r1', true), ('r2', null)) "
        "as flags(response_key, is_raised)"
    )
    assert found("S27") == (0, 0)

    con.execute("create table process.fct_alerts (response_key varchar, alert_kind varchar)")
    con.execute("insert into process.fct_alerts values ('r1', 'not_on_track')")
    assert found("S27") == (1, 1)

    con.execute("insert into process.fct_alerts values ('r1', 'risk_item')")
    assert found("S27") == (1, 0)


def test_rows_that_no_outcome_accounts_for(tables, found):
    """A file of ten with nine accounted for; and a session that was loaded but not published."""
    tables(
        "quality.dq_balance",
        {"table_name": "sessions", "n_received": 10, "n_loaded": 9, "is_balanced": False},
    )
    tables("core.fct_sessions", *_booked("t", 8, 0))

    assert found("P01", table="quality.dq_balance") == (10, 1)
    assert found("P01", table="core.fct_sessions") == (9, 1)


def test_rows_that_are_accounted_for(tables, found):
    tables(
        "quality.dq_balance",
        {"table_name": "sessions", "n_received": 9, "n_loaded": 9, "is_balanced": True},
    )
    tables("core.fct_sessions", *_booked("t", 9, 0))

    assert found("P01", table="quality.dq_balance") == (9, 0)
    assert found("P01", table="core.fct_sessions") == (9, 0)


@pytest.mark.parametrize(
    ("another", "n_failed"),
    [
        ({"n_loaded": 1}, 0),
        ({"n_superseded": 1}, 0),
        ({"n_erased": 1}, 0),
        ({"n_quarantined": 1}, 13),
        ({"n_loaded": 1, "clinic_id": "elsewhere"}, 7),
        ({"n_loaded": 1, "table_name": "episodes"}, 7),
    ],
)
def test_duplicates_of_rows_the_lake_no_longer_has(tables, found, another, n_failed):
    """Two nights at once left this: every row a duplicate, each file balanced, the lake empty."""
    gone = {"table_name": "responses", "n_loaded": 0, "is_balanced": True}
    tables(
        "quality.dq_balance",
        gone | {"n_received": 7, "n_duplicate": 7},
        gone | {"n_received": 7, "n_duplicate": 6} | another,
    )

    scope = 7 if "clinic_id" in another else 14
    assert found("P01", table="quality.dq_balance") == (scope, n_failed)


def test_a_join_that_multiplies_rows(tables, found):
    """The same form twice under one scale is fan-out; under two scales it is not."""
    form = {"response_key": "r1", "score": 1.0, "completed_at": "2026-01-05"}
    tables("core.fct_scores", form, form | {"scale": "bond"}, form)

    assert found("P02", None, "core.fct_scores") == (3, 1)
    assert found("P02", None, "core.fct_sessions") == (0, 0)


@pytest.mark.parametrize(
    ("estimate", "n_clients", "scope"),
    [(-0.2, 100, (1, 0)), (-0.201, 100, (1, 1)), (-0.9, 99, (0, 0))],
)
def test_an_alliance_that_goes_with_a_worse_outcome(tables, found, con, estimate, n_clients, scope):
    """Below -.2 in at least 100 clients; the total has no clinic."""
    tables(
        "common_factors.cf_alliance_outcome",
        {"scope_level": "overall", "scope_id": "all", "estimate": 0.3, "n_clients": 500},
        {
            "scope_level": "clinic",
            "scope_id": "harbor",
            "estimate": estimate,
            "n_clients": n_clients,
        },
    )

    clinics = {
        m.clinic_id: (m.n_scope, m.n_failed)
        for m in measure(con, RULES, leave_out=IN_PYTHON)
        if m.rule_id == "P04"
    }

    assert clinics[None] == (1, 0)
    assert clinics.get("harbor", (0, 0)) == scope


def _month(month: str, n: int, center: float) -> list[dict]:
    """Half of the scores 5 below, half 5 above the center: standard deviation 5.025 of 100."""
    return [
        {
            "instrument_id": "phq9",
            "score": center + (5 if number % 2 else -5),
            "completed_at": f"{month}-10",
            "response_key": f"{month}{number}",
        }
        for number in range(n)
    ]


@pytest.mark.parametrize(
    ("center", "n", "scope"),
    [(16.5, 100, (1, 0)), (16.6, 100, (1, 1)), (25.0, 99, (0, 0))],
)
def test_scores_that_moved_since_the_first_year(tables, found, center, n, scope):
    """.3 x 5.025 = 1.5076 points may pass; the month needs 100 scores."""
    tables(
        "core.dim_instruments",
        {
            "instrument_id": "phq9",
            "version": "v",
            "rater": "client",
            "language": "any",
            "family": "outcome",
            "primary_scale": "total",
            "score_max": 27,
            "is_default": True,
        },
    )
    tables("core.fct_scores", *_month("2025-01", 100, 15.0), *_month("2026-01", n, center))

    assert found("P09") == scope


def test_a_form_that_two_sessions_may_be_meant_by_is_counted_once(tables, found):
    """Two scales are one form; a form that names its session is not asked."""
    form = {"response_key": "r1", "session_link": "ambiguous"}
    tables(
        "core.fct_scores",
        *({**form, "scale": scale} for scale in ("total", "bond")),
        *({"response_key": key, "session_link": key} for key in ("given", "by_time", "none")),
    )

    assert found("S40") == (3, 1)


def test_sessions_of_unknown_order_are_counted(tables, found):
    """A missed session and an assessment have no number anyway."""
    seen = {"is_attended": True, "session_number": None}
    tables("core.fct_sessions", {"is_attended": True}, seen, seen)
    tables("core.fct_sessions", {**seen, "is_attended": False}, {**seen, "is_treatment": False})

    assert found("N20") == (3, 2)


def test_an_expired_waiver_is_a_finding(tables, found):
    tables(
        "quality.dq_waivers",
        {"rule_id": "S22", "valid_until": "2026-01-01", "is_expired": True},
        {"rule_id": "S24", "valid_until": "2027-01-01", "is_expired": False},
    )

    assert found("W01") == (2, 1)


def test_every_measured_rule_has_its_query_and_its_settings():
    """No query without a rule, no rule without a query, no setting that the query leaves out."""
    rules = dict((rule.id, check) for rule, check in measured_rules(RULES))
    queries = {path.stem: path.read_text(encoding="utf-8") for path in MEASURES.glob("*.sql")}

    assert set(rules) == set(queries) | set(IN_PYTHON)
    assert set(NEEDS) <= set(queries)
    for rule_id, query in queries.items():
        used = set(re.findall(r"(?<!:):([a-z_]+)", query))
        assert used == set(rules[rule_id].settings), rule_id


def test_a_missing_setting_is_named():
    rule, check = next(pair for pair in measured_rules(RULES) if pair[0].id == "E09")

    with pytest.raises(ConfigError, match=r"rule E09.*min_sessions is missing"):
        query_of(rule, check.model_copy(update={"settings": {}}))


def test_a_query_that_cannot_run_is_an_error_and_hides_no_other(con, tables):
    con.execute("drop table core.fct_episodes")

    measures = measure(con, RULES, leave_out=IN_PYTHON)
    results = results_of(measures, RULES, "run-1", RUN_AT)
    states = {row["rule_id"]: row["state"] for row in results}

    assert states["E11"] == "error"
    assert states["T05"] == "not_applicable"
    assert any(one.promise.startswith("E11") for one in broken_promises(results))


def test_a_measured_rule_out_of_force_has_no_result(con, tables):
    ended = [
        rule.model_copy(update={"valid_to": date(2025, 12, 31)}) if rule.id == "E11" else rule
        for rule in RULES.rules
    ]
    measures = measure(con, RULES, leave_out=IN_PYTHON)

    results = results_of(measures, Catalogue(rules=tuple(ended)), "run-1", RUN_AT)

    assert {"E10", "E12"} <= {row["rule_id"] for row in results}
    assert "E11" not in {row["rule_id"] for row in results}
