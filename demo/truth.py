"""Write down what was planted, on which scale, and which table should show it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import schedule
from demo.clinics import (
    EXTRACT_DATE,
    MODALITIES,
    Clinic,
    Outcome,
)
from demo.columns import identifiers
from demo.expected import EXPECTED
from demo.exports import Layout
from demo.model import Simulation
from demo.tables import Tables

HOW_EXPECTED = (
    "what plain least squares (tests/planted/recover.py) finds in one clinic of 2,000,000 attended "
    "sessions drawn from the same model without planted errors; it differs from the planted value "
    "where courses are short, forms are missing or a scale ends"
)


def truth_of(courses: Simulation, tables: Tables, layout: Layout) -> dict[str, Any]:
    """Return everything known about one clinic, ready for ``truth.json``."""
    clinic = courses.clinic
    return {
        "name": clinic.name,
        "export": clinic.export,
        "extract_date": str(EXTRACT_DATE),
        "files": sorted(set(layout.files.values())),
        "alliance": {"instrument": clinic.alliance.instrument, "rater": "client"},
        "outcomes": [outcome.instrument for outcome in clinic.outcomes],
        "counts": _counts(courses, tables),
        "effects": _effects(clinic),
        "ruptures": _ruptures(courses),
        "therapists": _therapists(courses),
    }


def _counts(courses: Simulation, tables: Tables) -> dict[str, Any]:
    reasons = tables["episodes"].column("discharge_reason")
    instruments = tables["responses"].column("instrument")
    real = courses.is_real
    return {
        "rows_clean": {name: table.num_rows for name, table in tables.items()},
        "attended_sessions": int(courses.n_attended.sum()),
        "responses_by_instrument": _value_counts(instruments),
        "endings_true": {
            name: int((courses.calendar.ending == code).sum())
            for code, name in enumerate(schedule.ENDINGS)
        },
        "discharge_reasons_recorded": _value_counts(reasons),
        "nonresponders": int(courses.is_nonresponder.sum()),
        "courses_handed_over": int((courses.calendar.handover_at >= 0).sum()),
        "alliance_forms_missing": int((real & ~courses.alliance_given).sum()),
        "outcome_forms_missing": int((real & ~courses.outcome_given).sum()),
    }


def _value_counts(values: pa.ChunkedArray) -> dict[str, int]:
    counts = {
        str(entry["values"] or "blank"): int(entry["counts"])
        for entry in pc.value_counts(values).to_pylist()
    }
    return dict(sorted(counts.items()))


def _effects(clinic: Clinic) -> list[dict[str, Any]]:
    effects = [entry for outcome in clinic.outcomes for entry in _outcome_effects(clinic, outcome)]
    effects += _dropout_effects(clinic)
    effects.append(
        _effect(
            clinic, "alliance.therapist_icc",
            "share of the variance of clients' mean alliance that lies between therapists",
            _share(clinic.alliance.therapist_sd, clinic.alliance.client_sd),
            "process.fct_session_process.alliance_client_mean_pomp by therapist_key",
            "share 0-1; before the ceiling and the noise of a mean over few sessions",
        )
    )  # fmt: skip
    form = clinic.therapist_form
    if form is not None:
        table = "process.fct_session_process"
        effects += [
            _effect(clinic, "therapist_rating.minus_client_pomp",
                    "therapists rate the alliance lower than their clients", form.offset_pomp,
                    f"mean of {table}.alliance_difference_pomp", "percent of the maximum"),
            _effect(clinic, "therapist_rating.within_slope",
                    "how far the therapist follows the client from session to session",
                    form.within_slope,
                    f"{table}.therapist_alliance_pomp on alliance_pomp, episode fixed effects",
                    "percent per percent"),
        ]  # fmt: skip
    return effects


def _outcome_effects(clinic: Clinic, outcome: Outcome) -> list[dict[str, Any]]:
    name, table = outcome.instrument, "process.fct_session_process"
    per_pomp = (clinic.alliance.high - clinic.alliance.low) / 100
    better = "higher is better" if outcome.higher_is_better else "lower is better"
    per_ten = 10 if outcome.higher_is_better else -10
    models = "cf_within_between_alliance"
    # The process table follows one outcome a course; a second one is found among the scores.
    is_first = outcome is clinic.outcomes[0]
    if not is_first:
        table = f"core.fct_scores of {name} beside {table}"

    def published(
        cf_table: str, times: float = 1, expected: float | None = None, **where: str
    ) -> dict[str, Any] | None:
        found = _published(clinic, cf_table, name, times, is_log=False, **where)
        if expected is not None:
            found["expected"] = expected
        return found if is_first else None

    points = f"points of {name} ({better}) per percent of the alliance maximum"
    return [
        _effect(clinic, f"{name}.within_per_pomp",
                "within-client alliance at a session on the outcome before the next",
                round(outcome.within_effect * per_pomp, 6),
                f"{table}: outcome_next on alliance_within, outcome_score, session_number, "
                "episode fixed effects", points, published(models, per_ten, parameter="within")),
        _effect(clinic, f"{name}.between_per_pomp",
                "between-client alliance on the level of the outcome",
                round(outcome.between_effect * per_pomp, 6),
                f"{table}: outcome_next on alliance_within, alliance_between, outcome_within, "
                "session_number, courses of four pairs or more",
                points + "; planted on the client's target, met in the level on the way there",
                published(models, per_ten, parameter="between")),
        _effect(clinic, f"{name}.early_alliance_partial_r",
                "early alliance and last outcome, first outcome held constant",
                None, "core.fct_episodes: early_alliance, post_after_early_alliance, outcome_pre",
                "correlation, positive is better", published("cf_alliance_outcome")),
        _effect(clinic, f"{name}.therapist_icc",
                "therapists' share of the variance of the last outcome given the first",
                None, "core.fct_episodes: outcome_post on outcome_pre, therapist_key",
                f"share 0-1; planted as a standard deviation of {outcome.therapist_sd} points "
                "between therapists in the clients' targets, beside what their alliance adds",
                published("cf_therapist_effect", metric="icc")),
        _effect(clinic, f"{name}.homework_per_percent",
                "homework done, reported at a session, on the outcome before the next",
                outcome.homework_effect,
                f"{table}: outcome_next on homework_percent (rows that have one), alliance_within, "
                "outcome_score, session_number, episode fixed effects",
                f"points of {name} per percent of homework"),
        _effect(clinic, f"{name}.modality_cbt_minus_others",
                "no difference between modalities", 0.0,
                "core.fct_episodes: outcome_post given outcome_pre, by modality",
                f"points of {name}, positive is better",
                published("cf_modality_equivalence", expected=0.0, modality="cbt",
                          compared_modality="person_centred")),
    ]  # fmt: skip


def _dropout_effects(clinic: Clinic) -> list[dict[str, Any]]:
    return [
        _effect(clinic, "dropout.log_hr_per_10_pomp",
                "alliance at a session on leaving before the next",
                clinic.dropout_log_hr_per_10_pomp,
                "process.fct_session_process: is_last_session and core.fct_episodes."
                "dropout_unilateral on alliance_pomp / 10, complementary log-log over all "
                "attended sessions", "log hazard ratio per 10 percent of the maximum",
                _published(clinic, "cf_dropout_hazard", is_log=True,
                           metric="hazard_ratio_per_10")),
        _effect(clinic, "dropout.session3_odds_ratio_low_to_high_tertile",
                "dropout after session 3, lowest against highest third of alliance", None,
                "core.fct_episodes: alliance_session3_pomp, dropout_unilateral", "odds ratio",
                _published(clinic, "cf_early_alliance_dropout", metric="odds_ratio")),
        _effect(clinic, "dropout.session3_low_minus_high_tertile",
                "the same as a difference of risks", None,
                "core.fct_episodes: alliance_session3_pomp, dropout_unilateral", "share 0-1",
                _published(clinic, "cf_early_alliance_dropout", metric="risk_difference")),
    ]  # fmt: skip


def _effect(
    clinic: Clinic,
    name: str,
    what: str,
    planted: float | None,
    recover_from: str,
    scale: str,
    published: dict[str, Any] | None = None,
) -> dict[str, Any]:
    entry = {
        "name": name,
        "what": what,
        "planted": planted,
        "expected": EXPECTED[clinic.clinic_id][name],
        "how_expected": HOW_EXPECTED,
        "recover_from": recover_from,
        "scale": scale,
    }
    if published is None:
        return entry
    times, is_log = published.pop("times", 1), published.pop("is_log", False)

    def shown(value: float) -> float:
        return round(math.exp(value * times) if is_log else value * times, 6)

    return entry | {
        "published": {
            "planted": None if planted is None else shown(planted),
            "expected": shown(EXPECTED[clinic.clinic_id][name]),
        }
        | published
    }


def _published(
    clinic: Clinic,
    table: str,
    outcome: str = "",
    times: float = 1,
    *,
    is_log: bool = False,
    **where: str,
) -> dict[str, Any]:
    """Say which row of a common-factors table shows the effect, and how to get there.

    ``improvement`` is positive in those tables, slopes are per 10 points of alliance, and
    ``is_log`` means that the table shows the exponential. An ``expected`` already there (no
    difference between modalities, in any unit) is kept.
    """
    if table not in ("cf_therapist_effect", "cf_modality_equivalence"):
        where |= {"alliance_instrument_id": clinic.alliance.instrument, "alliance_rater": "client"}
    if outcome:
        where |= {"outcome_instrument_id": outcome}
    return {
        "table": f"common_factors.{table}",
        "column": "estimate",
        "where": {"scope_level": "clinic", "scope_id": clinic.clinic_id} | where,
        "times": times,
        "is_log": is_log,
    }


def _share(one: float, other: float) -> float:
    return round(one**2 / (one**2 + other**2), 6)


def _ruptures(courses: Simulation) -> dict[str, Any]:
    happened = (courses.rupture_at >= 0) & (courses.rupture_at < courses.n_attended)
    terminal = happened & (courses.rupture_at == courses.n_attended - 1)
    repaired = happened & ~terminal & courses.is_repaired
    rows = np.flatnonzero(happened)
    letter = courses.clinic.letter
    return {
        "courses_with_rupture": int(happened.sum()),
        "repaired": int(repaired.sum()),
        "unrepaired": int((happened & ~terminal & ~courses.is_repaired).sum()),
        "at_last_session": int(terminal.sum()),
        "mean_drop_planted": courses.clinic.alliance.rupture_drop,
        "list": [
            {"episode_id": episode, "session_number": int(number), "repaired": bool(mended)}
            for episode, number, mended in zip(
                identifiers(f"{letter}E", rows).to_pylist(),
                courses.rupture_at[rows] + 1,
                repaired[rows],
                strict=True,
            )
        ],
    }


def _therapists(courses: Simulation) -> list[dict[str, Any]]:
    """List the planted effects of every therapist, in points of the instruments."""
    clinic = courses.clinic
    n = len(courses.therapist_outcome)
    n_episodes = np.bincount(courses.therapist, minlength=n)
    return [
        {
            "therapist_id": therapist,
            "n_episodes": int(n_episodes[row]),
            "orientation": MODALITIES[courses.therapist_modality[row]],
            "alliance": round(float(courses.therapist_alliance[row]), 3),
            "target": {
                outcome.instrument: round(
                    float(
                        outcome.therapist_sd * courses.therapist_outcome[row]
                        + outcome.between_effect * courses.therapist_alliance[row]
                    ),
                    3,
                )
                for outcome in clinic.outcomes
            },
        }
        for row, therapist in enumerate(
            identifiers(f"{clinic.letter}T", np.arange(n), 4).to_pylist()
        )
    ]
