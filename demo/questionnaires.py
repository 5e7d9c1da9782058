"""Lay out the questionnaires of a clinic: who filled in which form when, answer by answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from demo.answers import ITEM_MODELS, split_into_items
from demo.columns import (
    Visits,
    identifiers,
    whole,
    words,
)
from demo.model import Simulation

MISSING_ITEM_SHARE = 0.004
TOTALS_SENT_BY = {"srs": 0.8, "core10": 0.7}
MODES = ("web", "tablet", "paper")


def responses_of(
    courses: Simulation,
    client: np.ndarray,
    visits: Visits,
    session_of_visit: np.ndarray,
    rng: np.random.Generator,
    is_complete: bool,
) -> pa.Table:
    """Return one row per form: outcomes before the session, alliance after it."""
    forms = _forms(courses)
    width = max(ITEM_MODELS[form["instrument"]].n_items for form in forms)
    parts = []
    for place, form in enumerate(forms):
        at = np.flatnonzero(form["given"][visits.episode, visits.number])
        totals = form["totals"][visits.episode[at], visits.number[at]]
        answers = np.full((len(at), width), np.nan)
        n_items = ITEM_MODELS[form["instrument"]].n_items
        answers[:, :n_items] = split_into_items(form["instrument"], totals, rng)
        is_whole_form = np.ones(len(at), bool)
        if not is_complete:
            is_whole_form = rng.random(len(at)) >= MISSING_ITEM_SHARE
            blank = np.flatnonzero(~is_whole_form)
            answers[blank, rng.integers(0, n_items, len(blank))] = np.nan
        sent = rng.random(len(at)) < TOTALS_SENT_BY.get(form["instrument"], 0.0)
        parts.append(
            {
                "form": np.full(len(at), place),
                "visit": at,
                "answers": answers,
                "submitted": np.where(sent & is_whole_form, totals, np.nan),
                "completed": visits.start[at] + _minutes(form["minutes"](len(at), rng)),
                "seconds": rng.integers(70, 420, len(at)).astype("timedelta64[s]"),
            }
        )
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((rows["form"], session_of_visit[rows["visit"]]))
    rows = {name: values[order] for name, values in rows.items()}
    return _responses_table(courses, client, visits, session_of_visit, forms, rows)


def _forms(courses: Simulation) -> list[dict[str, Any]]:
    """List the clinic's questionnaires: totals, which were handed in, minutes after the start."""
    clinic = courses.clinic
    forms = [
        {
            "instrument": outcome.instrument,
            "version": outcome.version,
            "rater": "client",
            "totals": totals,
            "given": courses.outcome_given,
            "minutes": lambda n, rng, nth=nth: -rng.uniform(5 + 12 * nth, 15 + 12 * nth, n),
        }
        for nth, (outcome, totals) in enumerate(zip(clinic.outcomes, courses.outcomes, strict=True))
    ]
    forms.append(
        {
            "instrument": clinic.alliance.instrument,
            "version": clinic.alliance.version,
            "rater": "client",
            "totals": courses.alliance,
            "given": courses.alliance_given,
            "minutes": lambda n, rng: rng.uniform(61, 95, n),
        }
    )
    if clinic.therapist_form is not None and courses.therapist_rating is not None:
        forms.append(
            {
                "instrument": clinic.therapist_form.instrument,
                "version": clinic.therapist_form.version,
                "rater": "therapist",
                "totals": courses.therapist_rating,
                "given": ~np.isnan(courses.therapist_rating),
                "minutes": lambda n, rng: rng.uniform(61, 170, n),
            }
        )
    return forms


def _responses_table(
    courses: Simulation,
    client: np.ndarray,
    visits: Visits,
    session_of_visit: np.ndarray,
    forms: list[dict[str, Any]],
    rows: dict[str, np.ndarray],
) -> pa.Table:
    letter, visit, form = courses.clinic.letter, rows["visit"], rows["form"]
    episode = visits.episode[visit]
    instruments = tuple(item["instrument"] for item in forms)
    mode = np.where(client[episode] % 9 == 0, 2, client[episode] % 2)
    columns = {
        "response_id": identifiers(f"{letter}R", np.arange(len(visit)), 7),
        "client_id": identifiers(f"{letter}C", client[episode]),
        "instrument": words(instruments, form),
        "version": words(tuple(item["version"] for item in forms), form),
        "rater": words(tuple(item["rater"] for item in forms), form),
        "completed_at": pa.array(rows["completed"]),
        "started_at": pa.array(rows["completed"] - rows["seconds"]),
        "session_id": identifiers(f"{letter}S", session_of_visit[visit], 7),
        "episode_id": identifiers(f"{letter}E", episode),
        "therapist_id": identifiers(f"{letter}T", visits.therapist[visit], 4),
        "language": pa.repeat(pa.scalar("en"), len(visit)),
        "mode": words(MODES, mode),
    }
    has_tenths = bool(set(instruments) & {"srs", "ors"})
    for item in range(rows["answers"].shape[1]):
        answers = np.ascontiguousarray(rows["answers"][:, item])
        columns[f"item_{item + 1}"] = (
            pa.array(answers, mask=np.isnan(answers)) if has_tenths else whole(answers, pa.int8())
        )
    if not np.isnan(rows["submitted"]).all():
        totals = rows["submitted"]
        columns["submitted_total"] = (
            pa.array(totals, mask=np.isnan(totals)) if has_tenths else whole(totals)
        )
    return pa.table(columns)


def _minutes(values: np.ndarray) -> np.ndarray:
    return np.round(values * 60).astype("timedelta64[s]")
