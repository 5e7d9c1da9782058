"""Recover what was planted, by plain least squares on the delivered totals.

Each function mirrors the definition of the product table that should show the effect. They serve
the tests, and ``python -m tests.planted.recover`` prints the large-sample values that
``truth.json`` carries as ``expected``.
"""

from __future__ import annotations

import sys

import numpy as np

from demo import schedule
from demo.clinics import CLINICS, MAX_SESSIONS, Outcome
from demo.model import Simulation, simulate


def recover_all(courses: Simulation) -> dict[str, float]:
    """Return every recoverable quantity of one clinic, named as in ``truth.json``."""
    found: dict[str, float] = {}
    for number, outcome in enumerate(courses.clinic.outcomes):
        name = outcome.instrument
        process = process_of(courses, number)
        found |= {f"{name}.{key}": value for key, value in _panel_effects(process).items()}
        found[f"{name}.homework_per_percent"] = _homework_effect(courses, process)
        found |= {
            f"{name}.{key}": value for key, value in _episode_effects(courses, number).items()
        }
    found["alliance.therapist_icc"] = _alliance_therapist_icc(courses)
    found |= _dropout_effects(courses)
    found |= _therapist_rating_effects(courses)
    found["alliance.share_at_maximum"] = float(
        (given(courses, courses.alliance, courses.alliance_given)[courses.is_real]
         >= courses.clinic.alliance.high).sum()
        / (courses.is_real & courses.alliance_given).sum()
    )  # fmt: skip
    return found


def given(courses: Simulation, totals: np.ndarray, handed_in: np.ndarray) -> np.ndarray:
    """Return totals with cells that no file holds as not-a-number."""
    return np.where(courses.is_real & handed_in, totals, np.nan)


def process_of(courses: Simulation, number: int = 0) -> dict[str, np.ndarray]:
    """Return the panel as ``process.fct_session_process`` holds it: episode x session.

    Alliance in percent of the maximum; ``within`` around the episode's mean of the forms handed
    in, ``between`` that mean around the mean over episodes.
    """
    alliance = given(
        courses, courses.clinic.alliance.pomp(courses.alliance), courses.alliance_given
    )
    score = given(courses, courses.outcomes[number], courses.outcome_given)
    following = np.full_like(score, np.nan)
    following[:, :-1] = score[:, 1:]
    usual = row_mean(alliance)
    return {
        "alliance": alliance,
        "within": alliance - usual[:, None],
        "between": np.broadcast_to((usual - np.nanmean(usual))[:, None], alliance.shape),
        "outcome": score,
        "outcome_next": following,
        "session": np.broadcast_to(np.arange(1.0, MAX_SESSIONS + 1), alliance.shape),
    }


def row_mean(matrix: np.ndarray) -> np.ndarray:
    """Return the mean of each row over what is there; not-a-number for an empty row."""
    n = (~np.isnan(matrix)).sum(axis=1)
    return np.where(n > 0, np.nansum(matrix, axis=1) / np.maximum(n, 1), np.nan)


def least_squares(target: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and standard errors, intercept first."""
    design = np.column_stack([np.ones(len(target)), *columns])
    gram = np.linalg.inv(design.T @ design)
    coefficients = gram @ (design.T @ target)
    residual = target - design @ coefficients
    variance = residual @ residual / (len(target) - design.shape[1])
    return coefficients, np.sqrt(np.diag(gram) * variance)


def within_effect(process: dict[str, np.ndarray], *, with_last: bool = True) -> tuple:
    """Return slope and standard error of the next outcome on within-client alliance.

    Fixed effects: every column is centred on the episode's complete pairs. ``with_last`` adjusts
    for the outcome before the session.
    """
    names = ["outcome_next", "within", "session"] + (["outcome"] if with_last else [])
    centred, _ = _centred(process, names)
    coefficients, errors = least_squares(centred[0], *centred[1:])
    return coefficients[1], errors[1]


def _centred(
    process: dict[str, np.ndarray], names: list[str]
) -> tuple[list[np.ndarray], np.ndarray]:
    stacked = np.stack([process[name] for name in names])
    complete = ~np.isnan(stacked).any(axis=0)
    masked = np.where(complete, stacked, np.nan)
    return [(matrix - row_mean(matrix)[:, None])[complete] for matrix in masked], complete


def _panel_effects(process: dict[str, np.ndarray]) -> dict[str, float]:
    names = ("outcome_next", "within", "between", "outcome", "session")
    complete = ~np.isnan(np.stack([process[name] for name in names])).any(axis=0)
    outcome_within = process["outcome"] - row_mean(process["outcome"])[:, None]
    target, within, between, session = (
        process[name][complete] for name in ("outcome_next", "within", "between", "session")
    )
    both, _ = least_squares(target, within, between, outcome_within[complete], session)
    change, _ = least_squares(target - process["outcome"][complete], within, between, session)
    return {
        "within_per_pomp": float(within_effect(process)[0]),
        "within_per_pomp_without_last_outcome": float(within_effect(process, with_last=False)[0]),
        "within_per_pomp_on_change": float(change[1]),
        "between_per_pomp": float(both[2]),
    }


def _homework_effect(courses: Simulation, process: dict[str, np.ndarray]) -> float:
    process = process | {"homework": np.where(courses.is_real, courses.homework_percent, np.nan)}
    centred, _ = _centred(process, ["outcome_next", "homework", "within", "outcome", "session"])
    return float(least_squares(centred[0], *centred[1:])[0][1])


def episode_scores(courses: Simulation, number: int = 0) -> dict[str, np.ndarray]:
    """Return one row per episode with two scores: pre, post, early alliance, therapist.

    Early alliance is the mean of sessions 3 to 5, else the latest up to 5; ``post_after`` the
    last score taken after that window.
    """
    score = given(courses, courses.outcomes[number], courses.outcome_given)
    alliance = given(courses, courses.alliance, courses.alliance_given)
    has = ~np.isnan(score)
    rows = np.arange(len(score))
    first = has.argmax(axis=1)
    last = MAX_SESSIONS - 1 - has[:, ::-1].argmax(axis=1)
    early = row_mean(alliance[:, 2:5])
    has_early = ~np.isnan(alliance[:, :2])
    latest = np.where(has_early[:, 1], alliance[:, 1], alliance[:, 0])
    window_end = np.where(
        ~np.isnan(early), 2 + _last_true(~np.isnan(alliance[:, 2:5])), _last_true(has_early)
    )
    early = np.where(np.isnan(early), latest, early)
    is_paired = (has.sum(axis=1) >= 2) & (courses.calendar.handover_at < 0)
    return {
        "is_paired": is_paired,
        "pre": score[rows, first],
        "post": np.where(is_paired, score[rows, last], np.nan),
        "post_after": np.where(is_paired & (last > window_end), score[rows, last], np.nan),
        "early": early,
        "therapist": courses.therapist,
    }


def _last_true(matrix: np.ndarray) -> np.ndarray:
    return matrix.shape[1] - 1 - matrix[:, ::-1].argmax(axis=1)


def _episode_effects(courses: Simulation, number: int) -> dict[str, float]:
    outcome = courses.clinic.outcomes[number]
    scores = episode_scores(courses, number)
    paired = scores["is_paired"]
    residual, _ = _residual_of(scores["post"][paired], scores["pre"][paired])
    known = ~np.isnan(scores["post_after"]) & ~np.isnan(scores["early"])
    post, _ = _residual_of(scores["post_after"][known], scores["pre"][known])
    early, _ = _residual_of(scores["early"][known], scores["pre"][known])
    modality = courses.modality[paired]
    improvement = direction(outcome) * residual
    return {
        "therapist_icc": anova_icc(residual, courses.therapist[paired]),
        "early_alliance_partial_r": float(direction(outcome) * np.corrcoef(post, early)[0, 1]),
        "modality_cbt_minus_others": float(
            improvement[modality == 0].mean() - improvement[modality != 0].mean()
        ),
        "pre_mean": float(scores["pre"][paired].mean()),
        "post_mean": float(scores["post"][paired].mean()),
        "mean_improvement": float(
            direction(outcome) * (scores["post"][paired] - scores["pre"][paired]).mean()
        ),
    }


def direction(outcome: Outcome) -> int:
    """Return 1 where a higher score is better, else -1."""
    return 1 if outcome.higher_is_better else -1


def _residual_of(target: np.ndarray, given_value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients, _ = least_squares(target, given_value)
    return target - coefficients[0] - coefficients[1] * given_value, coefficients


def anova_icc(values: np.ndarray, group: np.ndarray) -> float:
    """Return the one-way analysis-of-variance intraclass correlation, unequal group sizes."""
    n_of = np.bincount(group)
    sums = np.bincount(group, weights=values)
    n_of, sums = n_of[n_of > 0], sums[n_of > 0]
    k, n = len(n_of), len(values)
    between = (sums**2 / n_of).sum() - values.sum() ** 2 / n
    within = (values**2).sum() - (sums**2 / n_of).sum()
    mean_between, mean_within = between / (k - 1), within / (n - k)
    size = (n - (n_of**2).sum() / n) / (k - 1)
    variance = (mean_between - mean_within) / size
    return float(variance / (variance + mean_within))


def _alliance_therapist_icc(courses: Simulation) -> float:
    usual = row_mean(given(courses, courses.alliance, courses.alliance_given))
    known = ~np.isnan(usual) & (courses.calendar.handover_at < 0)
    return anova_icc(usual[known], courses.therapist[known])


def dropout_rows(courses: Simulation) -> dict[str, np.ndarray]:
    """Return one row per attended session: did the client leave before the next one?

    Only sessions whose alliance form was handed in and whose next step is known.
    """
    session = np.broadcast_to(np.arange(MAX_SESSIONS), courses.alliance.shape)
    is_last = session == (courses.n_attended - 1)[:, None]
    left = is_last & (courses.calendar.ending == schedule.DROPOUT)[:, None]
    used = courses.is_real & courses.alliance_given
    pomp = courses.clinic.alliance.pomp(courses.alliance)
    return {"left": left[used].astype(float), "alliance_pomp": pomp[used]}


def cloglog_slope(event: np.ndarray, predictor: np.ndarray) -> tuple[float, float]:
    """Return slope and standard error of a complementary log-log regression (Newton steps)."""
    design = np.column_stack([np.ones(len(event)), predictor])
    beta = np.array([np.log(-np.log1p(-event.mean())), 0.0])
    for _ in range(25):
        hazard = np.exp(design @ beta)
        chance = -np.expm1(-hazard)
        slope = hazard * np.exp(-hazard)
        weight = slope**2 / (chance * (1 - chance))
        information = (design * weight[:, None]).T @ design
        step = np.linalg.solve(information, design.T @ (weight * (event - chance) / slope))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[1]), float(np.sqrt(np.linalg.inv(information)[1, 1]))


def _dropout_effects(courses: Simulation) -> dict[str, float]:
    rows = dropout_rows(courses)
    is_dropout = np.asarray(courses.calendar.recorded_reason == "dropout")
    known = np.isin(courses.calendar.ending, (0, 1, 2, 3, 4)) & np.asarray(
        [reason not in (None, "unknown") for reason in courses.calendar.recorded_reason]
    )
    third = courses.clinic.alliance.pomp(courses.alliance)[:, 2]
    at_risk = known & (courses.n_attended >= 3) & courses.alliance_given[:, 2]
    low, high = np.quantile(third[at_risk], [1 / 3, 2 / 3])
    risk_low = is_dropout[at_risk & (third <= low)].mean()
    risk_high = is_dropout[at_risk & (third > high)].mean()
    return {
        "dropout.log_hr_per_10_pomp": cloglog_slope(rows["left"], rows["alliance_pomp"] / 10)[0],
        "dropout.share_of_known_endings": float(is_dropout[known].mean()),
        "dropout.session3_low_minus_high_tertile": float(risk_low - risk_high),
        "dropout.session3_odds_ratio_low_to_high_tertile": float(
            risk_low * (1 - risk_high) / (risk_high * (1 - risk_low))
        ),
    }


def _therapist_rating_effects(courses: Simulation) -> dict[str, float]:
    form = courses.clinic.therapist_form
    if form is None:
        return {}
    rated = (courses.therapist_rating - form.low) / (form.high - form.low) * 100
    rated = given(courses, rated, courses.alliance_given)
    client = process_of(courses)["alliance"]
    panel = {"rated": rated, "client": client}
    both = ~np.isnan(rated) & ~np.isnan(client)
    centred, _ = _centred(panel, ["rated", "client"])
    return {
        "therapist_rating.minus_client_pomp": float((rated - client)[both].mean()),
        "therapist_rating.within_slope": float(least_squares(centred[0], centred[1])[0][1]),
    }


def main() -> None:
    """Print the large-sample values of the three clinics."""
    n_sessions = int(float(sys.argv[1])) if len(sys.argv) > 1 else 2_000_000
    for clinic in CLINICS:
        found = recover_all(simulate(clinic, n_sessions, np.random.default_rng([2026, 11])))
        sys.stdout.write(f'    "{clinic.clinic_id}": {{\n')
        for name, value in found.items():
            sys.stdout.write(f'        "{name}": {value:.4f},\n')
        sys.stdout.write("    },\n")


if __name__ == "__main__":
    main()
