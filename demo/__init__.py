"""Three made-up clinics with known answers.

``generate`` writes what the clinics deliver into the landing folder and what was planted beside
it; docs/demo.md says how the data come about. Nothing here reads a clock or real data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.clinics import (
    CLINICS,
    HARBOR,
    SHARES,
    WORKBOOK_SESSIONS,
    Clinic,
)
from demo.defects import found_besides, manifest, plan
from demo.exports import (
    Edit,
    Layout,
    write_canonical_csv,
    write_csv,
    write_workbook,
)
from demo.model import Simulation, simulate
from demo.redcap import write_redcap
from demo.relationship import draw_relationship
from demo.relationship_forms import FILE as RELATIONSHIP_FILE
from demo.relationship_forms import relationship_responses
from demo.relationship_truth import relationship_effects, relationship_truth
from demo.tables import Tables, build_tables
from demo.troubled_files import write_troubled_files
from demo.truth import truth_of
from transforms.errors import ConfigError

__all__ = ["ClinicSummary", "DemoSummary", "generate", "generate_bench_csv"]

FEWEST_SESSIONS = 300


@dataclass(frozen=True)
class ClinicSummary:
    """What one clinic got."""

    clinic_id: str
    export: str
    n_clients: int
    n_episodes: int
    n_attended: int
    n_responses: int
    n_planted: int


@dataclass(frozen=True)
class DemoSummary:
    """What was written, and where the truth lies."""

    clinics: tuple[ClinicSummary, ...]
    truth: Path
    defects: Path
    seed: int

    @property
    def n_attended(self) -> int:
        """Attended sessions over all clinics."""
        return sum(clinic.n_attended for clinic in self.clinics)

    def __str__(self) -> str:
        lines = [
            f"{clinic.clinic_id:10} {clinic.export:26} {clinic.n_clients:>7,} clients "
            f"{clinic.n_attended:>9,} attended sessions {clinic.n_responses:>9,} questionnaires "
            f"{clinic.n_planted:>3} rows in error"
            for clinic in self.clinics
        ]
        return "\n".join(
            [f"Demo clinics written (seed {self.seed}):", *lines, f"What was planted: {self.truth}"]
        )


def generate(
    landing: Path,
    truth: Path,
    *,
    n_sessions: int = 12_000,
    seed: int = 1,
    defects: bool = True,
    troubled_files: bool = False,
) -> DemoSummary:
    """Write three demo clinics into ``landing`` and what was planted into ``truth``.

    Parameters
    ----------
    landing : folder that holds one folder per clinic
    truth : folder for truth.json and defects.json, outside ``landing``
    n_sessions : attended sessions over all clinics, about
    seed : same seed, same bytes
    defects : whether to plant data errors
    troubled_files : whether to add a changed form, a file cut off and one still being sent

    Raises
    ------
    ConfigError
        With fewer sessions than the planted errors need.
    """
    if n_sessions < FEWEST_SESSIONS:
        raise ConfigError(
            "demo", f"{n_sessions} sessions are too few", f"Ask for {FEWEST_SESSIONS} or more"
        )
    truth.mkdir(parents=True, exist_ok=True)
    summaries, truths, entries, besides = [], {}, [], {}
    for number, (clinic, wanted) in enumerate(_sizes(n_sessions)):
        rng = np.random.default_rng([seed, number])
        courses = simulate(clinic, wanted, rng)
        tables = build_tables(courses, rng)
        planted = plan(clinic.clinic_id, tables, rng) if defects else []
        layout = _write(clinic, tables, landing, [one.edit for one in planted])
        listed = manifest(clinic.clinic_id, planted, layout)
        entries += listed
        besides[clinic.clinic_id] = found_besides(tables)
        truths[clinic.clinic_id] = truth_of(courses, tables, layout)
        if clinic is HARBOR:
            # A stream of its own: what the other files hold does not depend on these forms.
            forms_rng = np.random.default_rng([seed, number, 7])
            relationship = draw_relationship(courses, forms_rng)
            forms = relationship_responses(relationship, tables, clinic.letter, forms_rng)
            write_csv(forms, landing / clinic.clinic_id / RELATIONSHIP_FILE)
            truths[clinic.clinic_id]["relationship"] = relationship_truth(forms)
            truths[clinic.clinic_id]["effects"] += relationship_effects(clinic)
        summaries.append(_summary(clinic, courses, tables, len(listed)))
    _write_json(
        truth / "truth.json",
        {"seed": seed, "n_sessions_wanted": n_sessions, "clinics": truths},
    )
    planted_files = write_troubled_files(landing) if troubled_files else []
    _write_json(
        truth / "defects.json",
        {"defects": entries, "found_besides": besides, "files": planted_files},
    )
    return DemoSummary(tuple(summaries), truth / "truth.json", truth / "defects.json", seed)


def generate_bench_csv(folder: Path, n_sessions: int, seed: int = 1) -> int:
    """Write one canonical-CSV clinic with 28 answers after and before every session.

    Returns
    -------
    int
        Attended sessions written: ``n_sessions`` less at most 23, so that courses stay whole.
    """
    from dataclasses import replace

    rng = np.random.default_rng([seed, 28])
    courses = simulate(replace(HARBOR, therapist_form=None), n_sessions, rng, is_complete=True)
    tables = build_tables(courses, rng, is_complete=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_canonical_csv(tables, folder)
    return int(courses.n_attended.sum())


def _sizes(n_sessions: int) -> list[tuple[Clinic, int]]:
    """Share the sessions out; a workbook has an end, what is over goes to the first clinic."""
    wanted = {clinic.clinic_id: int(n_sessions * SHARES[clinic.clinic_id]) for clinic in CLINICS}
    over = max(0, wanted["summit"] - WORKBOOK_SESSIONS)
    wanted["summit"] -= over
    wanted["harbor"] += over
    return [(clinic, wanted[clinic.clinic_id]) for clinic in CLINICS]


def _write(clinic: Clinic, tables: Tables, landing: Path, edits: list[Edit]) -> Layout:
    folder = landing / clinic.clinic_id
    folder.mkdir(parents=True, exist_ok=True)
    if clinic.clinic_id == "lakeside":
        return write_redcap(tables, folder, edits)
    if clinic.clinic_id == "summit":
        return write_workbook(tables, folder / "summit_export.xlsx", edits)
    return write_canonical_csv(tables, folder, edits)


def _summary(clinic: Clinic, courses: Simulation, tables: Tables, n_planted: int) -> ClinicSummary:
    return ClinicSummary(
        clinic_id=clinic.clinic_id,
        export=clinic.export,
        n_clients=tables["clients"].num_rows,
        n_episodes=tables["episodes"].num_rows,
        n_attended=int(courses.n_attended.sum()),
        n_responses=tables["responses"].num_rows,
        n_planted=n_planted,
    )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
