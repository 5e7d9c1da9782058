"""How a clinic's checks add up: order of the rules, pass share, grade, heat map.

Pure: takes what ``reports.validation.tables`` read, knows nothing of files or HTML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reports.drawing.templating import percent
from reports.validation.standing import Standing
from reports.validation.tables import (
    EVERY_CLINIC,
    Check,
    Clinic,
    FileBalance,
    RunQuality,
)
from transforms.formats.source import plural

SEVERITIES = ("fatal", "quarantine", "warn", "inform")
NEEDS_ATTENTION = ("fail", "error")
HOLDS_BACK = ("fatal", "quarantine")  # a row that breaks such a rule is not loaded

# Schafer (1999, Multiple imputation: a primer) calls 5 % missing of little consequence; Bennett
# (2001, How can I deal with missing data in my study?) expects bias above 10 %.
LITTLE, MUCH = 0.05, 0.10

GRADES = {
    "A": "Everything that came can be used, and every check that applied passed",
    "B": "Something fell short, a check could not run, or up to 5 % is lost",
    "C": "More than 5 % and up to 10 % of the rows, clients or files is lost",
    "D": "More than 10 % of the rows, clients or files is lost",
    "–": "Nothing came in this run, and nothing is open",
}


def severity_rank(severity: str) -> int:
    """Return 0 for the gravest severity; an unknown one counts as grave."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _is_noteworthy(check: Check) -> bool:
    return check.state in NEEDS_ATTENTION or check.n_failed > 0


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Order checks: files unread, rows and clients lost, then severity, failure, share and count.

    A waived check comes after every one that is not; audits of the tables come last.
    """
    return sorted(
        checks,
        key=lambda check: (
            check.clinic_id == EVERY_CLINIC,
            -check.n_unread,
            -check.n_lost,
            -check.n_lost_clients,
            check.state_with_waivers not in NEEDS_ATTENTION,
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


def needs_attention(check: Check) -> bool:
    """Whether a check fell short or could not run, or still holds rows or files back."""
    return check.state in NEEDS_ATTENTION or bool(check.n_lost or check.n_unread)


def is_open(check: Check) -> bool:
    """Whether somebody has to act: what only a waiver covers needs nobody."""
    is_short = check.state_with_waivers in NEEDS_ATTENTION
    return is_short or bool(check.n_lost or check.n_unread)


def lost_in_words(lost: Check | Rule) -> str:
    """Return what a rule lost, of one clinic or of all: "35 rows of 30 clients lost"."""
    parts = []
    if lost.n_unread:
        parts.append(f"{plural(lost.n_unread, 'file')} unread")
    if lost.n_lost:
        whose = f" of {plural(lost.n_lost_clients, 'client')}" if lost.n_lost_clients else ""
        parts.append(f"{plural(lost.n_lost, 'row')}{whose} lost")
    return ", ".join(parts) or "no row lost"


def worst_of(checks: Iterable[Check]) -> Check | None:
    """Return the worst rule of the clinics; never one that is waived, None where nothing is."""
    open_ones = [check for check in checks if check.clinic_id != EVERY_CLINIC and is_open(check)]
    return worst_first(open_ones)[0] if open_ones else None


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
    grade, meaning : what is waived does not count; ``meaning`` says what gave the grade
    grade_without_waivers, tally : as if there were no waivers
    age_days : days since it last delivered, 0 for this run; None where that is not known
    """

    clinic: Clinic
    standing: Standing
    tally: Tally
    n_accepted: int
    n_rejected: int
    n_refused: int
    n_held_files: int
    grade: str
    meaning: str
    grade_without_waivers: str
    age_days: int | None


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


def grade_of(
    standing: Standing, checks: Sequence[Check], *, is_waived_lost: bool = False
) -> tuple[str, str]:
    """Return the grade of one clinic (see ``GRADES``) and what gave it.

    Parameters
    ----------
    is_waived_lost : grade as if there were no waivers
    """
    if standing.is_silent(is_waived_lost=is_waived_lost):
        return "–", GRADES["–"]
    shares = standing.shares_lost(is_waived_lost=is_waived_lost)
    lost = max(shares.values(), default=0.0)
    counted = checks if is_waived_lost else with_waivers(checks)
    short = {
        "fail": "a check fell short",
        "error": "a check could not run",
    }
    grounds = [f"{percent(share)} {of} lost" for of, share in shares.items() if share == lost][:1]
    if lost <= LITTLE:
        states = {check.state for check in counted}
        grounds += [words for state, words in short.items() if state in states]
    if not grounds:
        return "A", GRADES["A"]
    words = "; ".join(grounds)
    letter = "D" if lost > MUCH else "C" if lost > LITTLE else "B"
    return letter, words[0].upper() + words[1:]


def with_waivers(checks: Iterable[Check]) -> list[Check]:
    """Return the checks as they count where what is waived counts as neither passed nor failed."""
    return [
        replace(check, state=check.state_with_waivers)
        for check in checks
        if check.state_with_waivers != "waived"
    ]


def grade_clinics(quality: RunQuality) -> list[ClinicGrade]:
    """Return one headline per clinic, the worst grade first; the tables themselves are none."""
    grades = []
    for clinic in quality.clinics:
        if clinic.clinic_id == EVERY_CLINIC:
            continue
        standing = quality.standings.get(clinic.clinic_id, Standing(clinic.clinic_id))
        checks = [check for check in quality.checks if check.clinic_id == clinic.clinic_id]
        files = [line for line in quality.files if line.clinic_id == clinic.clinic_id]
        statuses = files_by_status(files)
        grade, meaning = grade_of(standing, checks)
        grades.append(
            ClinicGrade(
                clinic=clinic,
                standing=standing,
                tally=Tally.of(checks),
                n_accepted=statuses["accepted"],
                n_rejected=statuses["rejected"],
                n_refused=statuses["refused"],
                n_held_files=statuses["held"],
                grade=grade,
                meaning=meaning,
                grade_without_waivers=grade_of(standing, checks, is_waived_lost=True)[0],
                age_days=standing.age_days(quality.run_at),
            )
        )
    return sorted(
        grades,
        key=lambda g: (
            "DCB–A".index(g.grade),
            -max(g.standing.shares_lost(is_waived_lost=False).values(), default=0.0),
            g.clinic.clinic_id,
        ),
    )


@dataclass(frozen=True)
class Rule:
    """One rule over all clinics it was asked of, the clinic it harms most first."""

    checks: list[Check]

    @property
    def worst(self) -> Check:
        """The check that stands for the rule."""
        return self.checks[0]

    @property
    def short(self) -> list[Check]:
        """The checks somebody has to look at."""
        return [check for check in self.checks if needs_attention(check)]

    @property
    def calm(self) -> list[Check]:
        """The others."""
        return [check for check in self.checks if not needs_attention(check)]

    @property
    def open(self) -> list[Check]:
        """The checks somebody has to act on."""
        return [check for check in self.checks if is_open(check)]

    @property
    def owner(self) -> str:
        """Who has to act: the clinic on its rows, the data team on a check that could not run."""
        is_ours = all(check.state == "error" for check in self.open)
        return "data team" if is_ours else "clinic"

    @property
    def n_lost(self) -> int:
        """Rows the rule lost, over the clinics."""
        return sum(check.n_lost for check in self.checks)

    @property
    def n_lost_clients(self) -> int:
        """Their clients; a client of two clinics is two."""
        return sum(check.n_lost_clients for check in self.checks)

    @property
    def n_unread(self) -> int:
        """Files the rule left unread, over the clinics."""
        return sum(check.n_unread for check in self.checks)

    @property
    def since(self) -> datetime | None:
        """Since when the oldest row or file of the rule is open."""
        return min((c.open_since for c in self.checks if c.open_since), default=None)


def rules_of(checks: Iterable[Check]) -> list[Rule]:
    """Group checks by rule; rules and the clinics of each stand worst first."""
    grouped: dict[str, list[Check]] = {}
    for check in worst_first(checks):
        grouped.setdefault(check.rule_id, []).append(check)
    return [Rule(of_rule) for of_rule in grouped.values()]


def heat_map(quality: RunQuality) -> tuple[list[str], dict[str, list[Tally]]]:
    """Return the categories, and per clinic one tally for each of them."""
    asked = [check for check in quality.clinic_checks if check.state != "not_applicable"]
    categories = sorted({check.category for check in asked})
    cells: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in asked:
        cells[check.clinic_id, check.category].append(check)
    return categories, {
        clinic.clinic_id: [Tally.of(cells[clinic.clinic_id, category]) for category in categories]
        for clinic in quality.clinics
        if clinic.clinic_id != EVERY_CLINIC
    }
