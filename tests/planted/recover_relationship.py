"""Recover what was planted in the relationship forms, by plain least squares on what was sent.

``python -m tests.planted.recover_relationship 2000000`` prints the large-sample values that
``truth.json`` carries as ``expected``.
"""

from __future__ import annotations

import sys

import numpy as np

from demo.clinics import HARBOR
from demo.model import Simulation, simulate
from demo.relationship import EMPATHY_SESSION, Relationship, draw_relationship
from tests.planted.recover import given, least_squares
from transforms.statistics.truth_and_bias import truth_and_bias


def recover_relationship(courses: Simulation, found: Relationship) -> dict[str, float]:
    """Return every value of ``relationship_truth.ROWS``, from the forms handed in."""
    outcome = courses.clinic.outcomes[0]
    sign = 1.0 if outcome.higher_is_better else -1.0
    scores = sign * given(courses, courses.outcomes[0], courses.outcome_given)
    first = _first(scores)
    after_third, after_first = _last(scores[:, EMPATHY_SESSION:]), _last(scores[:, 1:])
    alliance = _early_alliance(courses)
    has = found.given

    def partial(x: np.ndarray, is_given: np.ndarray, post: np.ndarray = after_third) -> float:
        kept = is_given & ~np.isnan(first) & ~np.isnan(post)
        residuals = [_residual(column[kept], first[kept]) for column in (x, post)]
        return float(np.corrcoef(*residuals)[0, 1])

    def plain(x: np.ndarray, y: np.ndarray, is_given: np.ndarray) -> float:
        kept = is_given & ~np.isnan(y)
        return float(np.corrcoef(x[kept], y[kept])[0, 1])

    both = has["care"] & has["blri_therapist"]
    return {
        "empathy.client": partial(found.care, has["care"]),
        "empathy.therapist": partial(found.therapist_empathy, has["blri_therapist"]),
        "empathy.client_minus_therapist": partial(found.care, both)
        - partial(found.therapist_empathy, both),
        "condition.positive_regard": partial(found.regard, has["blri_client"]),
        "condition.unconditionality": partial(found.unconditionality, has["blri_client"]),
        "condition.congruence": partial(found.congruence, has["blri_client"]),
        "condition.real_relationship": partial(found.real_relationship, has["rri_c"]),
        "attachment.anxiety_alliance": plain(found.anxiety, alliance, has["ecr_s"]),
        "attachment.avoidance_alliance": plain(found.avoidance, alliance, has["ecr_s"]),
        "attachment.anxiety_outcome": partial(found.anxiety, has["ecr_s"], after_first),
        "countertransference.outcome": partial(found.countertransference, has["icb"]),
        "countertransference.management_outcome": partial(found.management, has["cms"]),
        "countertransference.management": plain(
            found.management, found.countertransference, has["cms"] & has["icb"]
        ),
        **_agreement(courses),
    }


def _agreement(courses: Simulation) -> dict[str, float]:
    """Return the therapist's bias and how far the rating follows, as the table defines them."""
    client = given(courses, courses.clinic.alliance.pomp(courses.alliance), courses.alliance_given)
    form = courses.clinic.therapist_form
    therapist = given(courses, courses.therapist_rating, ~np.isnan(courses.therapist_rating))
    therapist = (therapist - form.low) / (form.high - form.low) * 100
    dyad, session = np.nonzero(~np.isnan(client) & ~np.isnan(therapist))
    found = truth_and_bias(dyad, client[dyad, session], therapist[dyad, session]).parameters
    return {
        f"congruence.{name}": found[name].value
        for name in ("bias", "truth_within", "truth_between")
    }


def _first(scores: np.ndarray) -> np.ndarray:
    at = (~np.isnan(scores)).argmax(axis=1)
    return scores[np.arange(len(scores)), at]


def _last(scores: np.ndarray) -> np.ndarray:
    return _first(scores[:, ::-1])


def _residual(column: np.ndarray, given_column: np.ndarray) -> np.ndarray:
    coefficients, _ = least_squares(column, given_column)
    return column - coefficients[0] - coefficients[1] * given_column


def _early_alliance(courses: Simulation) -> np.ndarray:
    """Return the mean of sessions 3 to 5, else the latest rating before."""
    ratings = given(courses, courses.alliance, courses.alliance_given)[:, :5]
    window = ratings[:, 2:]
    n = (~np.isnan(window)).sum(axis=1)
    mean = np.nansum(window, axis=1) / np.maximum(n, 1)
    return np.where(n > 0, mean, _last(ratings[:, :2]))


if __name__ == "__main__":
    large = simulate(HARBOR, int(sys.argv[1]), np.random.default_rng([90, 0]))
    drawn = draw_relationship(large, np.random.default_rng([90, 7]))
    for key, value in recover_relationship(large, drawn).items():
        sys.stdout.write(f'    "{key}": {value:.4f},\n')
