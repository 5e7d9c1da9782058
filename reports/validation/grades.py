"""How a clinic's checks add up: order of the rules, pass share, grade, heat map.

Pure: takes what ``reports.validation.tables`` read, knows nothing of files or HTML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reports.validation.tables import (
    EVERY_CLINIC,
    Check,
    Clinic,
    FileBalance,
    RunQuality,
)

SEVERITIES = ("fatal", "quarantine", "warn", "inform")
NEEDS_ATTENTION = ("fail", "error")
HOLDS_BACK = ("fatal", "quarantine")  # a row that breaks such a rule is not loaded

OFF = {"held": "held back"}  # a status of a file in words, where it is not the word itself

GRADES = {
    "A": "Every check that applied passed",
    "B": "Only warnings or information fell short",
    "C": "Rows are held back, or a check could not run",
    "D": "A file was not loaded, or a fatal rule failed",
    "–": "Nothing was delivered in this run",
}


def severity_rank(severity: str) -> int:
    """Return 0 for the gravest severity; an unknown one counts as grave."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _is_noteworthy(check: Check) -> bool:
    return check.state in NEEDS_ATTENTION or check.n_failed > 0


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Order checks: what needs attention, then severity, failure, share and count."""
    return sorted(
        checks,
        key=lambda check: (
            check.state not in NEEDS_ATTENTION,
            check.state == "not_applicable",
            severity_rank(check.severity) if _is_noteworthy(check) else len(SEVERITIES),
            check.state != "fail",
            -(check.share_failed or 0.0),
            -check.n_failed,
            check.rule_id,
            check.clinic_id,
        ),
    )


@dataclass(frozen=True)
class Tally:
    """How many checks ended in which state."""

    n_pass: int = 0
    n_fail: int = 0
    n_error: int = 0
    n_not_applicable: int = 0

    @classmethod
    def of(cls, checks: Iterable[Check]) -> Tally:
        """Count the states of ``checks``."""
        counts: dict[str, int] = defaultdict(int)
        for check in checks:
            counts[f"n_{check.state}"] += 1
        return cls(**counts)

    @property
    def n_applied(self) -> int:
        """Checks with something in scope, those that could not run included."""
        return self.n_pass + self.n_fail + self.n_error

    @property
    def pass_share(self) -> float | None:
        """Passed checks of those that applied; ``None`` where none applied."""
        return self.n_pass / self.n_applied if self.n_applied else None

    @property
    def state(self) -> str:
        """The one state that stands for all."""
        if self.n_fail:
            return "fail"
        if self.n_error:
            return "error"
        return "pass" if self.n_pass else "not_applicable"


@dataclass(frozen=True)
class ClinicGrade:
    """The headline of one clinic in one run.

    Attributes
    ----------
    grade, tally : as if there were no waivers; ``meaning`` says what gave the grade
    grade_with_waivers, tally_with_waivers : where what is waived does not count
    """

    clinic: Clinic
    tally: Tally
    tally_with_waivers: Tally
    n_accepted: int
    n_rejected: int
    n_refused: int
    n_held_files: int
    n_held_rows: int
    grade: str
    meaning: str
    grade_with_waivers: str


def files_by_status(files: Iterable[FileBalance]) -> dict[str, int]:
    """Count files by status; a workbook counts once, under its worst sheet."""
    order = {"refused": 0, "rejected": 1, "held": 2, "withdrawn": 3, "accepted": 4}
    worst: dict[tuple[str, str], str] = {}
    for line in files:
        key = (line.clinic_id, line.file_id)
        worst[key] = min(worst.get(key, line.status), line.status, key=lambda s: order.get(s, 0))
    counts = dict.fromkeys(order, 0)
    for status in worst.values():
        counts[status] = counts.get(status, 0) + 1
    return counts


def grade_of(checks: Sequence[Check], files: Sequence[FileBalance]) -> tuple[str, str]:
    """Return the grade of one clinic (see ``GRADES``) and what gave it."""
    if not checks and not files:
        return "–", GRADES["–"]
    failed = {check.severity for check in checks if check.state == "fail"}
    off = sorted({line.status for line in files} - {"accepted", "withdrawn"})
    grounds = [
        *(("D", f"a file was {OFF.get(status, status)}") for status in off),
        *(("D", "a fatal rule failed") for _ in failed & {"fatal"}),
    ]
    if any(check.severity in HOLDS_BACK and check.n_failed for check in checks):
        grounds.append(("C", "rows are held back"))
    if any(check.state == "error" for check in checks):
        grounds.append(("C", "a check could not run"))
    if failed:
        grounds.append(("B", "warnings or information fell short"))
    if not grounds:
        return "A", GRADES["A"]
    grade = grounds[0][0]
    words = "; ".join(ground for letter, ground in grounds if letter == grade)
    return grade, words[0].upper() + words[1:]


def with_waivers(checks: Iterable[Check]) -> list[Check]:
    """Return the checks as they count where what is waived counts as neither passed nor failed."""
    return [
        replace(check, state=check.state_with_waivers)
        for check in checks
        if check.state_with_waivers != "waived"
    ]


def grade_clinics(quality: RunQuality) -> list[ClinicGrade]:
    """Return one headline per clinic, the worst grade first."""
    grades = []
    for clinic in quality.clinics:
        checks = [check for check in quality.checks if check.clinic_id == clinic.clinic_id]
        files = [line for line in quality.files if line.clinic_id == clinic.clinic_id]
        statuses = files_by_status(files)
        grade, meaning = grade_of(checks, files)
        counted = with_waivers(checks)
        grades.append(
            ClinicGrade(
                clinic=clinic,
                tally=Tally.of(checks),
                tally_with_waivers=Tally.of(counted),
                n_accepted=statuses["accepted"],
                n_rejected=statuses["rejected"],
                n_refused=statuses["refused"],
                n_held_files=statuses["held"],
                n_held_rows=sum(line.n_quarantined for line in files),
                grade=grade,
                meaning=meaning,
                grade_with_waivers=grade_of(counted, files)[0] if checks else grade,
            )
        )
    order = "DCBA–"
    return sorted(
        grades,
        key=lambda g: (
            g.clinic.clinic_id == EVERY_CLINIC,
            order.index(g.grade),
            g.tally.pass_share if g.tally.pass_share is not None else 2.0,
            g.clinic.clinic_id,
        ),
    )


def heat_map(quality: RunQuality) -> tuple[list[str], dict[str, list[Tally]]]:
    """Return the categories, and per clinic one tally for each of them."""
    categories = sorted({check.category for check in quality.checks})
    cells: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in quality.checks:
        cells[check.clinic_id, check.category].append(check)
    return categories, {
        clinic.clinic_id: [Tally.of(cells[clinic.clinic_id, category]) for category in categories]
        for clinic in quality.clinics
    }
