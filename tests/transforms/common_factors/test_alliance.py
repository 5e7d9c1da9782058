"""Alliance records: sums from SQL give what rows give, and every scope gets its own estimate."""

import numpy as np
import pytest

from transforms.common_factors.alliance import (
    MOMENTS,
    alliance_outcome,
    totals_from_sums,
    within_between_alliance,
)
from transforms.statistics.reml import GroupTotals
from transforms.statistics.within_between import PREDICTORS, within_between

STRATA = {
    "stratum": np.array([0, 1]),
    "clinic_id": np.array(["north", "south"], dtype=object),
    "clinic_group": np.array(["coast", "coast"], dtype=object),
    "alliance_instrument_id": np.array(["wai_sr", "wai_sr"], dtype=object),
    "outcome_instrument_id": np.array(["phq9", "phq9"], dtype=object),
    "direction": np.array([-1, -1]),
}


def sums_of(clients, columns):
    """Total rows per client as int_cf_within_between_candidates does."""
    part = {"pair_count": np.bincount(clients)}
    for position, first in enumerate(MOMENTS):
        part[f"sum_{first}"] = np.bincount(clients, weights=columns[first])
        for second in MOMENTS[position:]:
            product = columns[first] * columns[second]
            part[f"sum_{first}__{second}"] = np.bincount(clients, weights=product)
    return part


@pytest.fixture
def pairs():
    generator = np.random.default_rng(4)
    clients = np.repeat(np.arange(120), generator.integers(4, 12, 120))
    n = len(clients)
    columns = {
        "wit": generator.normal(0, 8, n),
        "bet": generator.normal(0, 10, 120)[clients],
        "lag": generator.normal(0, 3, n),
        "ses": generator.integers(1, 20, n).astype(float),
    }
    noise = generator.normal(0, 2, 120)[clients] + generator.normal(0, 3, n)
    columns["out"] = 14 - 0.08 * columns["wit"] - 0.2 * columns["ses"] + noise
    return clients, columns


def test_sums_from_sql_give_the_estimates_of_the_rows(pairs):
    clients, columns = pairs
    design = np.column_stack(
        [np.ones(len(clients)), columns["wit"], columns["bet"], columns["lag"], columns["ses"]]
    )
    by_rows = GroupTotals.from_rows(clients, design, columns["out"], PREDICTORS)

    found = within_between(totals_from_sums(sums_of(clients, columns)), direction=-1)

    expected = within_between(by_rows, direction=-1)
    for name in ("within", "between", "difference", "within_standardized", "repeated_correlation"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.value == pytest.approx(other.value, abs=1e-9), name
        assert one.ci_low == pytest.approx(other.ci_low, abs=1e-9), name


def test_slopes_are_printed_per_ten_points(pairs):
    clients, columns = pairs
    part = sums_of(clients, columns)
    rows = part | {"stratum": np.arange(120) % 2, "therapist_code": np.arange(120) % 7}

    records = {(r["scope_id"], r["parameter"]): r for r in within_between_alliance(STRATA, rows)}

    expected = within_between(totals_from_sums(part | {"clinic": np.arange(120) % 2}), direction=-1)
    assert len(records) == 4 * 5  # all, coast, north, south
    assert records[("all", "within")]["estimate"] == pytest.approx(10 * expected.within.value)
    assert records[("all", "within")]["ci_low"] < 0.8 < records[("all", "within")]["ci_high"]
    assert records[("all", "within")]["n_clients"] == 120
    assert records[("north", "within")]["n_clients"] == 60
    assert records[("all", "within")]["n_therapists"] == 7


def centered(column, clinics):
    means = np.bincount(clinics, weights=column) / np.bincount(clinics)
    return column - means[clinics]


@pytest.fixture
def clients():
    generator = np.random.default_rng(2)
    alliance = np.clip(generator.normal(80, 12, 400), 0, 100)
    pre = generator.normal(-16, 4, 400)
    return {
        "stratum": np.arange(400) % 2,
        "therapist_code": np.arange(400) % 20,
        "alliance_pomp": alliance,
        "is_at_ceiling": (alliance >= 95).astype(float),
        "pre_score": pre,
        "score_before_alliance": 0.9 * pre + generator.normal(0, 1, 400),
        "post_score": 0.5 * pre + 0.1 * (alliance - 80) + generator.normal(0, 4, 400),
    }


def test_the_headline_is_the_partial_correlation_given_the_first_score(clients):
    record = alliance_outcome(STRATA, clients)[0]

    columns = [clients[name] for name in ("alliance_pomp", "post_score", "pre_score")]
    deviations = np.array([centered(column, clients["stratum"]) for column in columns])
    alliance, post, pre = deviations
    left = [column - pre * (column @ pre) / (pre @ pre) for column in (alliance, post)]
    expected = float(np.corrcoef(left)[0, 1])
    assert record["scope_id"] == "all"
    assert record["estimate"] == pytest.approx(expected)
    assert record["cluster_ci_low"] < record["estimate"] < record["cluster_ci_high"]
    change = np.corrcoef(alliance, post - pre)
    assert record["zero_order_r"] == pytest.approx(change[0, 1])
    assert record["ceiling_percent"] == pytest.approx(100 * clients["is_at_ceiling"].mean())


def partial_r(x, y, given, clinics):
    x, y, given = (centered(column, clinics) for column in (x, y, given))
    left = [column - given * (column @ given) / (given @ given) for column in (x, y)]
    return float(np.corrcoef(left)[0, 1])


def test_adjusted_is_at_equal_last_score_up_to_the_alliance(clients):
    record = alliance_outcome(STRATA, clients)[0]

    names = ("alliance_pomp", "post_score", "score_before_alliance", "stratum")
    expected = partial_r(*(clients[name] for name in names))
    assert record["adjusted_r"] == pytest.approx(expected)
    assert record["adjusted_r_ci_low"] < expected < record["adjusted_r_ci_high"]
    assert record["adjusted_r"] != pytest.approx(record["estimate"], abs=1e-4)


def test_what_changed_before_the_alliance_is_not_its_effect():
    """The alliance follows the change so far and moves nothing: r .2 at equal first score."""
    draw = np.random.default_rng(8)
    n = 4000
    pre = draw.normal(0, 1, n)
    before = pre + draw.normal(0, 1, n)
    rows = {
        "stratum": np.arange(n) % 2,
        "therapist_code": np.arange(n) % 40,
        "alliance_pomp": 70 + 4 * (before - pre) + draw.normal(0, 10, n),
        "is_at_ceiling": np.zeros(n),
        "pre_score": pre,
        "score_before_alliance": before,
        "post_score": before + draw.normal(0, 1.3, n),
    }

    record = alliance_outcome(STRATA, rows)[0]

    assert record["ci_low"] > 0.15
    assert record["adjusted_r_ci_low"] < 0 < record["adjusted_r_ci_high"]
    assert abs(record["adjusted_r"]) < 0.04


def test_clinics_split_the_overall_sample(clients):
    n_clients = {r["scope_id"]: r["n_clients"] for r in alliance_outcome(STRATA, clients)}

    assert n_clients == {"all": 400, "coast": 400, "north": 200, "south": 200}


@pytest.mark.filterwarnings("error")
def test_a_clinic_with_one_client_gets_a_reason(clients):
    lonely = {name: column[:1] for name, column in clients.items()}
    strata = {name: column[:1] for name, column in STRATA.items()}

    record = alliance_outcome(strata, lonely)[0]

    assert (record["estimate"], record["cluster_ci_low"], record["alliance_sd"]) == (None,) * 3
    assert record["reason"] == "fewer than 4 complete rows"
