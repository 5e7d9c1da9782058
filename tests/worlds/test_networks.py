"""The knobs of the second generator turn what they say they turn."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds.networks import World, network, session_pairs

USUAL = World(clients=200)


def of(**knobs):
    return network(replace(USUAL, **knobs), seed=1)


def share_missing(forms):
    return np.isnan(forms).mean()


def test_the_same_seed_gives_the_same_network_and_another_does_not():
    assert np.array_equal(of().outcome, of().outcome, equal_nan=True)
    assert not np.array_equal(of().outcome, network(USUAL, 2).outcome, equal_nan=True)


def test_courses_end_within_the_sessions_asked_for():
    lengths = (~np.isnan(of(sessions=(4, 7)).outcome)).sum(axis=1)

    assert (lengths.min(), lengths.max()) == (4, 7)


@pytest.mark.parametrize("name", ["alliance", "outcome"])
def test_clinics_differ_in_level_only_if_told(name):
    def spread(made):
        forms = getattr(made, name)
        means = [np.nanmean(forms[made.clinic == clinic]) for clinic in range(USUAL.clinics)]
        return float(np.std(means))

    assert spread(of()) < 0.3
    assert spread(of(**{f"clinic_{name}": 3.0})) > 1.0


def test_trends_of_clients_are_shared_by_outcome_and_alliance():
    made = of(client_trend=0.5, sessions=(12, 12))
    session = np.arange(12) - 5.5
    outcome, alliance = (
        (forms @ session) / (session @ session) for forms in (made.outcome, made.alliance)
    )

    assert outcome.std() == pytest.approx(0.5, abs=0.08)
    assert np.corrcoef(outcome, alliance)[0, 1] > 0.5


def test_therapists_who_do_well_see_more_clients():
    def link(made):
        sizes = np.bincount(made.therapist)
        means = np.array(
            [np.nanmean(made.outcome[made.therapist == code]) for code in range(len(sizes))]
        )
        return float(np.corrcoef(sizes, means)[0, 1])

    assert link(of(informative_caseload=6.0)) > 0.4 > link(of())


def test_forms_are_missing_after_bad_sessions():
    made = of(missing=0.2, missing_by_symptom=1.5)
    is_over = np.isnan(made.outcome)
    is_missing = np.isnan(made.alliance) & ~is_over

    assert made.outcome[is_missing].mean() < made.outcome[~is_missing & ~is_over].mean() - 0.5
    assert share_missing(of().alliance) == share_missing(of().outcome)


def test_a_ceiling_holds_its_share_of_ratings():
    ratings = of(ceiling=0.3).alliance
    known = ratings[~np.isnan(ratings)]

    assert (known == known.max()).mean() == pytest.approx(0.3, abs=0.01)


def test_first_forms_come_late_or_alone():
    late, alone = of(late_first_form=0.4).outcome, of(one_form=0.4).outcome

    assert np.isnan(late[:, :2]).all(axis=1).mean() == pytest.approx(0.4, abs=0.05)
    assert (np.isnan(alone[:, 1:]).all(axis=1)).mean() == pytest.approx(0.4, abs=0.05)


def test_without_ruptures_there_is_no_sudden_fall():
    def low(made):
        return float(np.nanquantile(np.diff(made.alliance, axis=1), 0.01))

    assert low(of(rupture_rate=0.1)) < low(of()) - 0.3


def test_pairs_are_complete_and_of_one_clients_sessions_in_a_row():
    made = of(missing=0.2)
    pairs = session_pairs(made, is_forward=True)
    at = (pairs.client, pairs.session.astype(int) - 1)

    assert np.array_equal(pairs.predictor, made.alliance[at])
    assert np.array_equal(pairs.last, made.outcome[at])
    assert np.array_equal(pairs.outcome, made.outcome[at[0], at[1] + 1])
    assert np.bincount(pairs.client)[np.unique(pairs.client)].min() >= 4


def test_the_reverse_direction_has_the_alliance_after_the_score():
    made = of()
    pairs = session_pairs(made, is_forward=False)
    at = (pairs.client, pairs.session.astype(int) - 1)

    assert np.array_equal(pairs.predictor, made.outcome[at])
    assert np.array_equal(pairs.outcome, made.alliance[at])
    assert np.array_equal(pairs.last, made.alliance[at[0], at[1] - 1])
    assert pairs.session.min() == 2
