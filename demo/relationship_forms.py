"""The relationship forms as the clinic delivers them: one more file of responses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.answers import ItemModel, split_by_model
from demo.columns import whole
from demo.relationship import EMPATHY_SESSION, RUPTURE_SESSIONS, Relationship
from demo.tables import Tables
from transforms.statistics.arrays import Floats, Ints

FILE = "responses_relationship.csv"
N_ITEMS = 12
CARE_ITEMS = ItemModel(10, 1, 4, 0.6)
# ECR-S as ticked: items 1, 5, 8 and 9 are reversed.
ANXIETY_ITEMS = ItemModel(6, 1, 6, 0.9, reverse_items=(4,))
AVOIDANCE_ITEMS = ItemModel(6, 1, 6, 0.9, reverse_items=(1, 3, 5))
ANXIETY_COLUMNS, AVOIDANCE_COLUMNS = (2, 4, 6, 8, 10, 12), (1, 3, 5, 7, 9, 11)
SCALES = (
    "total", "empathy", "regard", "unconditionality", "congruence",
    "occurrence", "intensity", "resolution",
)  # fmt: skip
COPIED = ("client_id", "session_id", "episode_id", "therapist_id")


def relationship_responses(
    found: Relationship, tables: Tables, letter: str, rng: np.random.Generator
) -> pa.Table:
    """Return one row per form, sorted by session and form, in the columns of ``responses``."""
    sessions = _attended(tables["sessions"])
    place = _numbers_of(sessions)
    parts = [part for part in _parts(found, place, rng) if len(part["visit"])]
    rows = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("visit", "form", "completed", "answers", "submitted")
    }
    names = [(part["instrument"], part["version"], part["rater"]) for part in parts]
    order = np.lexsort((rows["form"], rows["visit"]))
    rows = {name: values[order] for name, values in rows.items()}
    at = pa.array(rows["visit"])
    form = np.searchsorted([int(part["form"][0]) for part in parts], rows["form"])
    start = sessions.column("session_at").to_numpy().astype("datetime64[s]")[rows["visit"]]
    completed = start + np.round(rows["completed"] * 60).astype("timedelta64[s]")
    seconds = rng.integers(40, 280, len(completed)).astype("timedelta64[s]")
    numbers = pc.utf8_lpad(pa.array(np.arange(len(completed))).cast(pa.string()), 7, "0")
    taken = {name: sessions.column(name).take(at) for name in COPIED}
    columns = {
        "response_id": pc.binary_join_element_wise(pa.scalar(f"{letter}Q"), numbers, ""),
        "client_id": taken["client_id"],
        "instrument": pa.array([names[one][0] for one in form]),
        "version": pa.array([names[one][1] for one in form]),
        "rater": pa.array([names[one][2] for one in form]),
        "completed_at": pa.array(completed),
        "started_at": pa.array(completed - seconds),
        "session_id": taken["session_id"],
        "episode_id": taken["episode_id"],
        "therapist_id": taken["therapist_id"],
        "language": pa.repeat(pa.scalar("en"), len(completed)),
        "mode": pa.repeat(pa.scalar("web"), len(completed)),
    }
    for item in range(N_ITEMS):
        columns[f"item_{item + 1}"] = whole(rows["answers"][:, item], pa.int8())
    for number, scale in enumerate(SCALES):
        values = rows["submitted"][:, number]
        columns[f"submitted_{scale}"] = pa.array(values, mask=np.isnan(values))
    return pa.table(columns)


def _attended(sessions: pa.Table) -> pa.Table:
    kept = pc.is_in(sessions.column("attendance"), value_set=pa.array(["attended", "late"]))
    return sessions.filter(kept)


def _numbers_of(sessions: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return episode number and 0-based session number of every attended session."""
    identifiers = sessions.column("episode_id").to_pylist()
    episode = np.array([int(text.lstrip("HLSE")) for text in identifiers])
    first = np.searchsorted(episode, episode, side="left")
    return episode, np.arange(len(episode)) - first


def _parts(
    found: Relationship, place: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """List the forms: who, when (minutes from the start of the session), answers or scores."""
    episode, number = place
    third = np.flatnonzero(number == EMPATHY_SESSION - 1)

    def at_third(name: str) -> np.ndarray:
        visits: Ints = third[found.given[name][episode[third]]]
        return visits

    def form(
        name: tuple[str, str, str],
        visit: Ints,
        minutes: tuple[float, float],
        *,
        answers: Floats | None = None,
        **scores: Floats,
    ) -> None:
        instrument, version, rater = name
        submitted = np.full((len(visit), len(SCALES)), np.nan)
        for scale, values in scores.items():
            submitted[:, SCALES.index(scale)] = values
        blank = np.full((len(visit), N_ITEMS), np.nan)
        parts.append(
            {
                "instrument": instrument, "version": version, "rater": rater, "visit": visit,
                "form": np.full(len(visit), len(parts)), "submitted": submitted,
                "completed": rng.uniform(minutes[0], minutes[1], len(visit)),
                "answers": blank if answers is None else answers,
            }
        )  # fmt: skip

    parts: list[dict[str, Any]] = []
    intake = np.flatnonzero((number == 0) & found.given["ecr_s"][episode])
    form(
        ("ecr_s", "standard", "client"),
        intake,
        (-48, -40),
        answers=_attachment_answers(found, episode[intake], rng),
    )
    visit = at_third("care")
    form(
        ("care", "standard", "client"),
        visit,
        (101, 112),
        answers=_care_answers(found.care[episode[visit]], rng),
    )
    visit = at_third("rri_c")
    form(
        ("rri_c", "sf8", "client"), visit, (117, 122), total=found.real_relationship[episode[visit]]
    )
    visit = at_third("blri_client")
    form(
        ("blri", "os40", "client"),
        visit,
        (127, 135),
        regard=found.regard[episode[visit]],
        congruence=found.congruence[episode[visit]],
        unconditionality=found.unconditionality[episode[visit]],
    )
    visit = at_third("blri_therapist")
    form(
        ("blri", "os64", "therapist"),
        visit,
        (175, 188),
        empathy=found.therapist_empathy[episode[visit]],
    )
    visit = at_third("icb")
    form(
        ("icb", "standard", "therapist"),
        visit,
        (193, 200),
        total=found.countertransference[episode[visit]],
    )
    visit = at_third("cms")
    form(
        ("cms", "standard", "therapist"), visit, (205, 215), total=found.management[episode[visit]]
    )
    for nth, session in enumerate(RUPTURE_SESSIONS):
        visit = np.flatnonzero(number == session - 1)
        visit = visit[found.given["psq"][episode[visit], nth]]
        reported = found.rupture_reported[episode[visit], nth]
        form(
            ("psq", "standard", "client"),
            visit,
            (101, 112),
            occurrence=reported.astype(float),
            intensity=np.where(reported, found.rupture_intensity[episode[visit], nth], np.nan),
            resolution=np.where(reported, found.rupture_resolution[episode[visit], nth], np.nan),
        )
    visit = np.flatnonzero(found.given["hrs2"][episode, number])
    form(
        ("hrs2", "standard", "client"),
        visit,
        (-42, -36),
        total=found.homework_quality[episode[visit], number[visit]],
    )
    return parts


def _care_answers(totals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    answers = np.full((len(totals), N_ITEMS), np.nan)
    answers[:, : CARE_ITEMS.n_items] = split_by_model(CARE_ITEMS, totals, rng)
    return answers


def _attachment_answers(
    found: Relationship, episode: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    answers = np.full((len(episode), N_ITEMS), np.nan)
    for columns, items, totals in (
        (ANXIETY_COLUMNS, ANXIETY_ITEMS, found.anxiety),
        (AVOIDANCE_COLUMNS, AVOIDANCE_ITEMS, found.avoidance),
    ):
        answers[:, np.asarray(columns) - 1] = split_by_model(items, totals[episode], rng)
    return answers
