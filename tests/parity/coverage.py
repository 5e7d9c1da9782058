"""How often do 95 % intervals hold what was planted? Estimators over many seeds, no nights.

Each seed draws the three demo clinics (``demo.model.simulate``, the model the demo files
are written from, missing forms included, without planted errors) and hands the tables to the
estimators of ``transforms/`` that feed the common-factors tables. The truth is the large-sample
value that ``demo.expected`` holds. Files, readers and SQL are not part of it;
tests/acceptance/test_planted_truth.py runs whole nights over fewer seeds.

``python -m tests.parity.coverage 200`` writes tests/parity/coverage.json, which the parity book
shows.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from demo.clinics import CLINICS
from demo.expected import EXPECTED
from demo.model import Simulation, simulate
from demo.schedule import DROPOUT
from tests.planted.recover import (
    direction,
    episode_scores,
    given,
    process_of,
    row_mean,
)
from transforms.statistics.correlation import partial_correlation
from transforms.statistics.cox_time_varying import fit_session_cox
from transforms.statistics.dropout_risk import dropout_by_tertile
from transforms.statistics.estimate import Estimate, wald
from transforms.statistics.profile_likelihood import icc_interval
from transforms.statistics.reml import GroupTotals, fit_random_intercept
from transforms.statistics.within_between import PREDICTORS, within_between

SESSIONS = 8_000  # per clinic and seed
FEWEST_PAIRS = 4  # per client, as cf_within_between_alliance asks for
RESULT = Path(__file__).with_name("coverage.json")


def covered(n_seeds: int, n_sessions: int = SESSIONS) -> dict[str, dict[str, int]]:
    """Return per quantity and clinic how many intervals held the truth, and the misses' sides."""
    tallies: dict[str, dict[str, int]] = {}
    for seed in range(n_seeds):
        for number, clinic in enumerate(CLINICS):
            courses = simulate(clinic, n_sessions, np.random.default_rng([2027, seed, number]))
            for name, truth, estimate in estimates_of(courses):
                tally = tallies.setdefault(
                    f"{clinic.clinic_id}: {name}",
                    {"n": 0, "held": 0, "too_low": 0, "too_high": 0},
                )
                if estimate.ci_low is None or estimate.ci_high is None:
                    continue
                tally["n"] += 1
                tally["too_low"] += estimate.ci_high < truth
                tally["too_high"] += estimate.ci_low > truth
                tally["held"] += estimate.ci_low <= truth <= estimate.ci_high
    return tallies


def estimates_of(courses: Simulation) -> list[tuple[str, float, Estimate]]:
    """Return name, truth and estimate of every quantity of the first outcome of a clinic."""
    name = courses.clinic.outcomes[0].instrument
    sign = direction(courses.clinic.outcomes[0])
    expected = EXPECTED[courses.clinic.clinic_id]
    slopes = _slopes(courses, sign)
    return [
        ("alliance within clients", sign * expected[f"{name}.within_per_pomp"], slopes.within),
        ("alliance between clients", sign * expected[f"{name}.between_per_pomp"], slopes.between),
        (
            "early alliance, partial r",
            expected[f"{name}.early_alliance_partial_r"],
            _partial_r(courses, sign),
        ),
        ("therapist ICC", expected[f"{name}.therapist_icc"], _therapist_icc(courses)),
        ("modality difference", 0.0, _modality(courses)),
        (
            "dropout, lowest less highest third",
            expected["dropout.session3_low_minus_high_tertile"],
            _risk_difference(courses),
        ),
        ("log hazard per 10", expected["dropout.log_hr_per_10_pomp"], _log_hazard(courses)),
    ]


def _slopes(courses: Simulation, sign: int):
    process = process_of(courses)
    outcome_within = process["outcome"] - row_mean(process["outcome"])[:, None]
    columns = [
        *(process[name] for name in ("within", "between")),
        *(outcome_within, process["session"], process["outcome_next"]),
    ]
    complete = ~np.isnan(np.stack(columns)).any(axis=0)
    complete &= (complete.sum(axis=1) >= FEWEST_PAIRS)[:, None]
    episode = np.broadcast_to(np.arange(len(complete))[:, None], complete.shape)[complete]
    rows = [column[complete] for column in columns]
    design = np.column_stack([np.ones(len(episode)), *rows[:-1]])
    totals = GroupTotals.from_rows(
        np.unique(episode, return_inverse=True)[1], design, rows[-1], PREDICTORS
    )
    return within_between(totals, direction=sign)


def _partial_r(courses: Simulation, sign: int) -> Estimate:
    scores = episode_scores(courses)
    known = ~np.isnan(scores["post_after"]) & ~np.isnan(scores["early"])
    return partial_correlation(
        scores["early"][known], sign * scores["post_after"][known], sign * scores["pre"][known]
    )


def _therapist_icc(courses: Simulation) -> Estimate:
    scores = episode_scores(courses)
    paired = scores["is_paired"]
    design = np.column_stack([np.ones(paired.sum()), scores["pre"][paired]])
    return icc_interval(
        GroupTotals.from_rows(
            scores["therapist"][paired], design, scores["post"][paired], ("intercept", "pre")
        )
    )


def _modality(courses: Simulation) -> Estimate:
    scores = episode_scores(courses)
    paired = scores["is_paired"]
    is_cbt = (courses.modality[paired] == 0).astype(float)
    design = np.column_stack([np.ones(paired.sum()), scores["pre"][paired], is_cbt])
    fit = fit_random_intercept(
        GroupTotals.from_rows(
            *(scores["therapist"][paired], design, scores["post"][paired]),
            ("intercept", "pre", "modality"),
        )
    )
    return wald(float(fit.fixed[2]), float(np.sqrt(fit.fixed_covariance[2, 2])), int(paired.sum()))


def _risk_difference(courses: Simulation) -> Estimate:
    reasons = courses.calendar.recorded_reason
    known = np.isin(courses.calendar.ending, (0, 1, 2, 3, 4)) & np.asarray(
        [reason not in (None, "unknown") for reason in reasons]
    )
    third = courses.clinic.alliance.pomp(courses.alliance)[:, 2]
    at_risk = known & (courses.n_attended >= 3) & courses.alliance_given[:, 2]
    left = np.asarray(reasons == "dropout")[at_risk]
    return dropout_by_tertile(third[at_risk], left).risk_difference


def _log_hazard(courses: Simulation) -> Estimate:
    rated = courses.is_real & courses.alliance_given
    session = np.broadcast_to(np.arange(rated.shape[1]), rated.shape)
    is_last = session == (courses.n_attended - 1)[:, None]
    left = is_last & (courses.calendar.ending == DROPOUT)[:, None]
    alliance = given(courses, courses.clinic.alliance.pomp(courses.alliance), rated)[rated] / 10
    therapist = np.broadcast_to(courses.therapist[:, None], rated.shape)[rated]
    fit = fit_session_cox(
        session[rated], session[rated] + 1, left[rated], alliance[:, None], therapist
    )
    error = float(np.sqrt(fit.robust_covariance[0, 0]))
    return wald(float(fit.log_hazard_ratios[0]), error, int(rated.sum()))


def main() -> None:
    """Run the seeds and keep the result."""
    n_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    result = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"python -m tests.parity.coverage {n_seeds}",
        "seeds": n_seeds,
        "sessions_per_clinic": SESSIONS,
        "quantities": covered(n_seeds),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
