"""Cells of the published tables against scipy, statsmodels and lifelines on the fact tables.

Nothing of transforms/ or models/ is used here: `recomputed_facts.sql` states the definitions
again, so a wrong row on the way to an estimator shows as well as a wrong estimator.
"""

import math

import duckdb
import numpy as np
import pytest
from scipy import stats

from tests.conftest import ROOT

RELIABLE = {"phq9": 6, "ors": 5}  # points; PHQ-9 10 and above, ORS below 25 is a case
Z = stats.norm.ppf(0.975)


@pytest.fixture(scope="module")
def facts(demo_home):
    definitions = (ROOT / "tests/acceptance/recomputed_facts.sql").read_text("utf-8")
    with duckdb.connect() as con:
        con.execute(f"attach '{demo_home.published.resolve()}' as night (read_only)")
        con.execute(definitions)
        yield con


@pytest.fixture(scope="module")
def frame(facts):
    """Rows as a data frame; with ``once``, the first usable course of each client."""

    def query(sql: str, *, once: bool = False):
        if once:
            sql = (
                f"select distinct on (client_key) * from ({sql}) "
                "order by client_key, start_date, episode_key"
            )
        return facts.execute(sql).df()

    return query


@pytest.fixture(scope="module")
def cell(facts):
    """The published row that fits, of the first scope that shows it: columns as numbers."""

    def look_up(columns: str, table: str, scopes: tuple[str, ...], **where):
        tests = " and ".join(f"{name} = '{value}'" for name, value in where.items())
        for scope in scopes:
            rows = facts.execute(
                f"select {columns} from night.{table} where {tests} and scope_id = '{scope}'"
            ).fetchall()
            assert len(rows) == 1, (table, where, len(rows))
            if None not in rows[0]:
                return [float(value) for value in rows[0]]
        raise AssertionError(f"{table}: hidden for {where}")

    return look_up


def harbor(**where):
    """Only Harbor uses the PHQ-9, so its rows are those of all; either may be hidden."""
    return {"scopes": ("harbor", "all")} | where


def wilson(k: int, n: int) -> list[float]:
    low, high = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    return [k / n, low, high]


def partial_r(x, y, given) -> list[float]:
    """Correlate what is left of x and y after ``given``."""
    left = [v - np.polyval(np.polyfit(given, v, 1), given) for v in (x, y)]
    r, half = np.corrcoef(left)[0, 1], Z / math.sqrt(len(x) - 4)
    return [r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]


def test_alliance_and_outcome(frame, cell):
    rows = frame(
        "select * from courses where early is not null and pre is not null "
        "and later is not null and outcome_instrument_id = 'phq9'",
        once=True,
    )

    r = partial_r(rows.early, -rows.later, -rows.pre)

    found = cell(
        "estimate, ci_low, ci_high, n_clients, alliance_mean",
        "common_factors.cf_alliance_outcome",
        **harbor(outcome_instrument_id="phq9"),
    )
    assert found == pytest.approx([*r, len(rows), rows.early.mean()], abs=1e-9)


def test_alliance_within_clients_and_the_next_outcome(frame, cell):
    import statsmodels.api as sm

    pairs = frame(
        "with pairs as (select sessions.*, client_key as client, "
        "count(*) over (partition by episode_key) as n_pairs from sessions "
        "where pomp is not null and outcome_within is not null and next_outcome is not null "
        "and rated_at < next_scored_at and next_scored_at::date <= next_at::date "
        "and clinic_id = 'lakeside'), "
        "counted as (select distinct on (courses.client_key) courses.episode_key from courses "
        "where episode_key in (select episode_key from pairs where n_pairs >= 4) "
        "order by courses.client_key, start_date, episode_key) "
        "select * from pairs inner join counted using (episode_key) order by episode_key, number"
    )
    design = np.column_stack(
        [
            np.ones(len(pairs)),
            pairs.pomp - pairs.mean_pomp,
            pairs.mean_pomp,
            pairs.outcome_within,
            pairs.number,
        ]
    )
    fit = sm.MixedLM(pairs.next_outcome, design, pairs.episode_key.astype(str)).fit(reml=True)

    where = {"scopes": ("lakeside", "all"), "outcome_instrument_id": "ors"}
    slopes = [
        cell("estimate, ci_low", "common_factors.cf_within_between_alliance", **where, parameter=p)
        for p in ("within", "between")
    ]
    for position, found in enumerate(slopes, start=1):
        slope, error = 10 * fit.params.iloc[position], 10 * fit.bse.iloc[position]
        assert found == pytest.approx([slope, slope - Z * error], abs=2e-4)
    n = cell("n_pairs", "common_factors.cf_within_between_alliance", **where, parameter="within")
    assert n == [len(pairs)]


def test_change_between_therapists(frame, cell):
    import statsmodels.api as sm

    rows = frame(
        "select *, post - pre as change from courses where course_status <> 'open' "
        "and therapist_key is not null and not coalesce(is_mixed_therapist, false) "
        "and n_scores >= 2 and outcome_instrument_id = 'phq9'",
        once=True,
    )
    fit = sm.MixedLM(rows.change, np.ones(len(rows)), rows.therapist_key.astype(str)).fit()
    between = float(fit.cov_re.iloc[0, 0])

    found = cell(
        "icc_unadjusted, n_clients, n_therapists",
        "common_factors.cf_therapist_effect",
        **harbor(outcome_instrument_id="phq9", metric="icc"),
    )
    expected = [between / (between + fit.scale), len(rows), rows.therapist_key.nunique()]
    assert found == pytest.approx(expected, abs=1e-4)


def test_rates_of_change(frame, cell):
    rows = frame(
        "select * from courses where course_status <> 'open' and n_attended >= 2 "
        "and n_scores >= 2 and outcome_instrument_id = 'phq9'"
    )
    is_case, better = rows.pre >= 10, rows.pre - rows.post >= RELIABLE["phq9"]
    recovered = is_case & (rows.post < 10) & better

    where = harbor(instrument_id="phq9", method="registry")
    for metric, events, n in [
        ("recovered", recovered.sum(), is_case.sum()),
        ("reliably_improved", better.sum(), len(rows)),
    ]:
        found = cell(
            "estimate, ci_low, ci_high, n_events, n_episodes",
            "common_factors.cf_outcome_change",
            **where,
            metric=metric,
        )
        assert found == pytest.approx([*wilson(int(events), int(n)), events, n], abs=1e-9)


def test_nhs_recovery_with_the_mixed_rule(frame, cell):
    rows = frame(
        "with ends as (select episode_key, instrument_id, count(*) as n, "
        "arg_min(score, (completed_at, response_key)) as pre, "
        "arg_max(score, (completed_at, response_key)) as post from scored "
        "where instrument_id in ('phq9', 'gad7') and rater = 'client' and scale = 'total' "
        "group by all) "
        "select p.pre as p0, p.post as p1, g.pre as g0, g.post as g1, "
        "coalesce(p.n >= 2 and g.n >= 2, false) as is_paired from courses "
        "left join ends as p on courses.episode_key = p.episode_key and p.instrument_id = 'phq9' "
        "left join ends as g on courses.episode_key = g.episode_key and g.instrument_id = 'gad7' "
        "where (discharge_reason is not null or end_date is not null) and n_attended >= 2 "
        "and clinic_id = 'harbor'"
    )
    is_case = (rows.p0 >= 10) | (rows.g0 >= 8)
    better = [rows.p0 - rows.p1 >= 6, rows.g0 - rows.g1 >= 4]
    worse = [rows.p1 - rows.p0 >= 6, rows.g1 - rows.g0 >= 4]
    improved = (better[0] & ~worse[1]) | (better[1] & ~worse[0])
    recovered = is_case & (rows.p1 < 10) & (rows.g1 < 8)

    for metric, events, n in [
        ("recovered", recovered, len(rows) - (rows.is_paired & ~is_case).sum()),
        ("reliably_improved", improved, len(rows)),
    ]:
        k = int((rows.is_paired & events).sum())
        found = cell(
            "estimate, ci_low, ci_high, n_events, n_episodes",
            "common_factors.cf_outcome_change",
            **harbor(method="nhs_talking_therapies", metric=metric),
        )
        assert found == pytest.approx([*wilson(k, int(n)), k, n], abs=1e-9)


def test_effect_size_of_becker(frame, cell):
    rows = frame(
        "select * from courses where course_status <> 'open' and n_attended >= 2 "
        "and n_scores >= 2 and outcome_instrument_id = 'phq9'"
    )
    n, r = len(rows), rows.pre.corr(rows.post)
    g = (1 - 3 / (4 * (n - 1) - 1)) * (rows.pre - rows.post).mean() / rows.pre.std()
    low = g - Z * math.sqrt(2 * (1 - r) / n + g**2 / (2 * n))

    found = cell(
        "estimate, ci_low, n_episodes",
        "common_factors.cf_effect_size",
        **harbor(instrument_id="phq9", metric="g_pre"),
    )
    assert found == pytest.approx([g, low, n], abs=1e-9)


def test_dropout_by_two_definitions_and_their_agreement(frame, cell):
    rows = frame("select * from courses where is_ended")
    left, short = rows.has_left.astype(bool), rows.n_attended < 3

    table = "common_factors.cf_dropout_definitions"
    found = cell(
        "estimate, ci_low, ci_high, n_episodes",
        table,
        ("all",),
        metric="rate",
        definition="dropout_unilateral",
    )
    agreement = cell(
        "estimate",
        table,
        ("all",),
        metric="agreement",
        definition="dropout_unilateral",
        compared_definition="dropout_lt3",
    )

    expected = [*wilson(int(left.sum()), len(rows)), len(rows)]
    assert found == pytest.approx(expected, abs=1e-9)
    assert agreement == pytest.approx([(left == short).mean()])


@pytest.mark.filterwarnings("ignore:Starting with pandas")  # inside lifelines
def test_hazard_of_leaving_after_the_landmark(frame, cell):
    from lifelines import CoxPHFitter

    rows = frame(
        "select *, n_attended + coalesce(is_ended, false)::int - 3 as time, "
        "coalesce(has_left, false)::int as event from courses "
        "where course_status not in ('declined', 'not_taken_on') and n_attended >= 3 "
        "and session_3 is not null and alliance_id = 'wai_sr'",
        once=True,
    )
    # Each clinic has its own hazard; the SD is the one within clinics.
    within = rows.session_3 - rows.groupby("clinic_id").session_3.transform("mean")
    sd = (within.pow(2).sum() / (len(rows) - rows.clinic_id.nunique())) ** 0.5
    rows["alliance"] = rows.session_3 / sd
    columns = ["time", "event", "alliance", "clinic_id"]
    precise = {"precision": 1e-12}  # it stops at 1e-5 of the ratio otherwise
    fit = CoxPHFitter().fit(
        rows[columns], "time", "event", strata=["clinic_id"], fit_options=precise
    )

    found = cell(
        "estimate, n_clients, n_dropouts",
        "common_factors.cf_early_alliance_dropout",
        scopes=("all",),
        metric="hazard_ratio_per_sd",
        alliance_instrument_id="wai_sr",
    )
    expected = [fit.hazard_ratios_["alliance"], len(rows), rows.event.sum()]
    assert found == pytest.approx(expected, abs=1e-6)


def test_incidence_of_dropout_while_completing_competes(frame, facts):
    rows = frame(
        "select * from courses where course_status not in ('declined', 'not_taken_on') "
        "and clinic_id = 'harbor'",
        once=True,
    )
    ended, left = rows.is_ended.fillna(False).astype(bool), rows.has_left.fillna(False).astype(bool)
    staying, incidence, expected = 1.0, 0.0, {}
    for session in range(1, int(rows.n_attended.max()) + 1):
        at_risk = ((rows.n_attended > session) | ((rows.n_attended == session) & ended)).sum()
        now = (rows.n_attended == session) & ended
        if now.any():
            incidence += staying * (now & left).sum() / at_risk
            staying *= 1 - now.sum() / at_risk
        expected[session] = incidence

    found = facts.execute(
        "select session_number, estimate from night.common_factors.cf_dropout_survival "
        "where scope_id = 'harbor' and curve = 'all' and estimate is not null"
    ).fetchall()

    assert len(found) >= 3
    assert dict(found) == pytest.approx({number: expected[number] for number, _ in found})


def test_ratings_of_client_and_therapist(frame, cell):
    rows = frame(
        "select episode_key, client_key, start_date, avg(client_pomp) as client, "
        "avg(therapist_pomp) as therapist from night.common_factors.cf_congruence_sessions "
        "inner join (select episode_key, start_date from courses) using (episode_key) "
        "where clinic_id = 'harbor' group by all",
        once=True,
    )

    found = cell(
        "estimate, n_clients",
        "common_factors.cf_congruence",
        **harbor(analysis="bias", parameter="tracking_between"),
    )
    expected = [np.corrcoef(rows.client, rows.therapist)[0, 1], len(rows)]
    assert found == pytest.approx(expected, abs=1e-9)


def test_falls_of_one_sd(frame):
    rows = frame(
        "with points as (select *, pomp * 48 / 100 as p from sessions "
        "where alliance_id = 'wai_sr'), "
        "spread as (select episode_key, var_samp(p) as v, count(*) as n, avg(pomp) as level "
        "from points group by episode_key), "
        "pooled as (select sqrt(sum((n - 1) * v) / sum(n - 1)) as sd from spread where n > 1), "
        "falls as (select episode_key, number, "
        "lag(pomp) over (partition by episode_key order by number) * 48 / 100 - pomp * 48 / 100 "
        "as fall from sessions) "
        "select episode_key::varchar as episode, number from falls "
        "inner join spread using (episode_key) cross join pooled "
        "where n >= 4 and round(level, 9) < 95 "
        "and round(fall, 9) >= round(greatest(sqrt(v), sd), 9)"
    )
    found = frame(
        "select episode_key::varchar as episode, session_number as number "
        "from night.process.fct_ruptures where detector = 'drop_sd1' "
        "and instrument_id = 'wai_sr' and not is_ceiling_limited"
    )

    assert len(rows) > 100
    assert set(found.itertuples(index=False)) == set(rows.itertuples(index=False))
