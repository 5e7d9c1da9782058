"""Rates of one scope and method are parts of each other: their differences are counts too."""

import duckdb
import pytest

from tests.dbt.rendered_models import rendered

COLUMNS = "metric, estimate, n_events, n_episodes, n_excluded, exclusion_reasons"


def shown(rates: dict[str, tuple[int, int]], method: str = "registry") -> dict[str, tuple]:
    """Return the published row of every metric, of (events, denominator) in 200 ended courses."""
    with duckdb.connect() as con:
        con.execute(
            "create table int_cf_outcome_change (metric varchar, n_events bigint, n_used bigint)"
        )
        con.executemany(
            "insert into int_cf_outcome_change values (?, ?, ?)",
            [(metric, *counts) for metric, counts in rates.items()],
        )
        con.execute(
            "create or replace table int_cf_outcome_change as select *, 'clinic' as scope_level, "
            f"'north' as scope_id, 'phq9' as instrument_id, 'v' as version, '{method}' as method, "
            "'x' as denominator, n_events / n_used as estimate, 0.1 as ci_low, 0.9 as ci_high, "
            "0.95 as ci_level, null::varchar as reason, 'one clinic' as pooling, "
            "null::bigint as n_clinics, null::double as tau, null::double as i_squared_percent, "
            "null::double as prediction_low, null::double as prediction_high, "
            "null::boolean as clinics_disagree from int_cf_outcome_change"
        )
        con.execute(
            "create table int_cf_outcome_candidates as select 'north' as clinic_id, "
            "null::varchar as clinic_group, null::varchar as exclusion_reason from range(200)"
        )
        con.execute("create table int_cf_extract_date as select date '2026-01-31' as extract_date")
        con.execute(
            "create table benchmarks as select null::varchar as table_name, "
            "null::varchar as metric, null::double as value, null::double as ci_low, "
            "null::double as ci_high, null::varchar as source, null::varchar as evidence, "
            "null::boolean as is_comparable, null::varchar as why_not"
        )
        rows = con.execute(f"select {COLUMNS} from ({rendered('cf_outcome_change')})").fetchall()
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize(("n_cases", "is_hidden"), [(90, True), (99, True), (89, False)])
def test_one_to_ten_who_were_no_case_at_the_start_are_not_had_by_subtraction(n_cases, is_hidden):
    found = shown({"recovered": (40, n_cases), "reliably_improved": (60, 100)})

    assert found["reliably_improved"][:3] == (0.6, 60, 100)
    estimate, *counts = found["recovered"]
    assert (estimate is None) is is_hidden
    assert (counts == [None, None, None, None]) is is_hidden


def test_nobody_without_a_case_gives_nothing_away():
    assert shown({"recovered": (40, 100), "reliably_improved": (60, 100)})["recovered"][1] == 40


@pytest.mark.parametrize(("n_recovered", "is_hidden"), [(50, True), (59, True), (49, False)])
def test_one_to_ten_who_improved_without_recovery_are_not_had_either(n_recovered, is_hidden):
    found = shown({"recovered": (n_recovered, 80), "reliably_improved": (60, 100)})

    assert (found["recovered"][0] is None) is is_hidden
    assert found["recovered"][2] == 80


def test_recovered_but_not_reliably_so():
    rates = {"recovered": (40, 80), "reliably_recovered": (35, 80), "reliably_improved": (60, 100)}

    found = shown(rates, "nhs_talking_therapies")

    assert found["recovered"][0] == 0.5
    assert found["reliably_recovered"][:2] == (None, None)
