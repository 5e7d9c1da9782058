"""The validation report: one page per run, one index over runs, static HTML.

The page of a run is made from the quality tables of that run's release. Beside it lies
``run.json``, the run in a few kilobytes; the index is made from these files alone, so it
costs one small file per run and never opens an old release.

No page holds a cell value: the quality tables have none, and no other table is read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from reports.drawing.spreadsheet_cells import safe_cell
from reports.drawing.templating import anchor, short_key, write_page, write_text
from reports.validation.attrition import ENDINGS, FORMS
from reports.validation.findings import RESPONSE_STYLE, Findings, read_findings
from reports.validation.grades import (
    GRADES,
    HOLDS_BACK,
    Tally,
    files_by_status,
    grade_clinics,
    heat_map,
    is_open,
    lost_in_words,
    needs_attention,
    rules_of,
    worst_first,
    worst_of,
)
from reports.validation.guidance import Guidance, advice, reasons_of
from reports.validation.issue_list import issues_per_clinic, write_lists
from reports.validation.stopped_page import stopped_since
from reports.validation.tables import Check, HeldRow, RunQuality, read_run_quality

# The page of the same night that shows what the numbers say, written before this one.
COMMON_FACTORS = "common-factors.html"

# Great Expectations' own pages, of the last run only, written before this one.
DATA_DOCS = "data_docs/index.html"

# The run's page carries this many quarantined rows and opens at once; the longest lists beyond
# that move to pages of their own, in full.
ROWS_ON_THE_PAGE = 1_000


@dataclass(frozen=True)
class RuleRows:
    """The rows of one rule: held back, or loaded and flagged."""

    rule_id: str
    title: str
    rows: list[HeldRow]
    n_clinics: int
    is_held_back: bool
    page: str | None
    csv_name: str


def write_report(
    analytics: Path,
    reports: Path,
    run_id: str,
    *,
    guidance: Mapping[str, Guidance] | None = None,
    remarks: Sequence[Any] = (),
) -> Path:
    """Write the page of one run and return its path.

    Parameters
    ----------
    analytics
        DuckDB file of the run; opened read-only.
    reports
        Folder of all reports; the page becomes ``<reports>/<run_id>/index.html``.
    run_id
        Run whose rule results and files are shown. One folder name, no separators.
    guidance
        Meaning and remedy per rule id, from the rule catalogue.
    remarks
        What no file's entry tells, each with ``where`` and ``what``.
    """
    folder = _folder(reports, run_id)
    quality = read_run_quality(analytics, run_id)
    checks = worst_first(quality.clinic_checks)
    titles = {check.rule_id: check.title for check in quality.checks}
    clinics = {clinic.clinic_id: clinic for clinic in quality.clinics}
    held = _rows_per_rule(quality, titles)
    for rule in held:
        _write_rows(folder, rule, run_id=run_id, clinics=clinics)
    write_lists(quality, folder, guidance=guidance)
    with duckdb.connect(str(analytics), read_only=True) as con:
        findings = read_findings(con, quality)
    categories, cells = heat_map(quality)
    tally, reasons = Tally.of(checks), reasons_of(quality.held_rows)
    headline = findings.headlines[None]
    page = write_page(
        folder / "index.html",
        "run.html.j2",
        quality=quality,
        headline=headline,
        tally=tally,
        statuses=files_by_status(quality.files),
        grades=grade_clinics(quality),
        grade_meanings=GRADES,
        worst=worst_of(checks),
        remarks=remarks,
        lost_in_words=lost_in_words,
        checks=checks,
        rules=rules_of(checks),
        new_rules=_new_tonight(checks, findings, quality.run_at),
        audits=worst_first(quality.audits),
        audit_tally=Tally.of(quality.audits),
        advice={
            (c.rule_id, c.clinic_id): advice(
                c, guidance or {}, reasons.get((c.rule_id, c.clinic_id), ())
            )
            for c in [*checks, *quality.audits]
        },
        clinics=clinics,
        categories=categories,
        cells=cells,
        held=held,
        findings=findings,
        response_style=RESPONSE_STYLE,
        forms_asked=FORMS,
        endings=ENDINGS,
        issue_lists={i.clinic.clinic_id: i.name for i in issues_per_clinic(quality)},
        held_places={(row.rule_id, row.clinic_id): r.page or "" for r in held for row in r.rows},
        needs_attention=needs_attention,
        holds_back=HOLDS_BACK,
        common_factors=COMMON_FACTORS if (folder / COMMON_FACTORS).exists() else None,
        data_docs=_data_docs(reports),
    )
    summary = _summary(quality) | {
        "headline": headline.text,
        "n_silent": headline.n_silent,
        "n_open_rows": headline.n_open_rows,
    }
    write_text(folder / "run.json", json.dumps(summary, indent=1, ensure_ascii=False))
    return page


def write_index(
    reports: Path,
    releases: Sequence[str] | None = None,
    *,
    published: str | None = None,
    remarks: Sequence[Any] = (),
    clinics: Sequence[Any] = (),
    now: datetime | None = None,
) -> Path:
    """Write ``<reports>/index.html`` over all runs that have a page, and return its path.

    Parameters
    ----------
    reports
        Folder of all reports.
    releases
        Run ids whose release file is still kept; without it the index does not say which are.
    published
        Run id of the release that analysts read now.
    remarks
        What the last run told beside its files, each with ``where`` and ``what``.
    clinics
        Each with ``clinic_id``, ``shown``, ``last``, ``due``, ``hours_late``, as of ``now`` (UTC).
    """
    runs = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(reports.glob("*/run.json"))
    ]
    runs.sort(key=lambda run: (run["run_at"] or "", run["run_id"]), reverse=True)
    for run in runs:
        run["release"] = _release_state(run["run_id"], releases or (), published)
        run.setdefault("n_held_files", 0)
        # Runs of earlier versions, as their pages say it.
        run.setdefault("headline", f"{run['n_pass']} of {run['n_applied']} checks passed")
    return write_page(
        reports / "index.html",
        "index.html.j2",
        runs=runs,
        knows_releases=releases is not None,
        remarks=remarks,
        clinics=clinics,
        now=now,
        stopped=stopped_since(reports, max((run["run_id"] for run in runs), default=None)),
        data_docs=_data_docs(reports),
    )


def _new_tonight(
    checks: Sequence[Check], findings: Findings, run_at: datetime | None
) -> list[Check]:
    """Return what fell short tonight for the first time; all of it where no run came before."""

    def first_seen(check: Check) -> datetime | None:
        trend = findings.trends.get((check.rule_id, check.clinic_id))
        return trend.first_seen if trend else check.open_since

    return [
        check
        for check in checks
        if is_open(check) and first_seen(check) in (run_at, None) and run_at is not None
    ]


def _data_docs(reports: Path) -> str | None:
    return DATA_DOCS if (reports / DATA_DOCS).exists() else None


def _release_state(run_id: str, releases: Sequence[str], published: str | None) -> str:
    if run_id == published:
        return "published"
    return "kept" if run_id in releases else "none"


def _folder(reports: Path, run_id: str) -> Path:
    if Path(run_id).name != run_id or run_id in ("", ".", ".."):
        raise ValueError("run_id must be the name of one folder")
    return reports / run_id


def _rows_per_rule(quality: RunQuality, titles: Mapping[str, str]) -> list[RuleRows]:
    """Group the listed rows by rule: held back before flagged, then the longest list first."""
    grouped = groupby(quality.held_rows, key=lambda row: row.rule_id)
    lists = {rule_id: list(rows) for rule_id, rows in grouped}
    rules, n_shown = [], 0
    for rule_id, rows in sorted(lists.items(), key=lambda item: len(item[1])):
        name = f"rows-{anchor(rule_id)}"
        n_shown += len(rows)
        rules.append(
            RuleRows(
                rule_id=rule_id,
                title=titles.get(rule_id, ""),
                rows=rows,
                n_clinics=len({row.clinic_id for row in rows}),
                is_held_back=any(row.severity in HOLDS_BACK for row in rows),
                page=f"{name}.html" if n_shown > ROWS_ON_THE_PAGE else None,
                csv_name=f"{name}.csv",
            )
        )
    return sorted(rules, key=lambda rule: (not rule.is_held_back, -len(rule.rows), rule.rule_id))


_CSV_COLUMNS = (
    "rule_id",
    "clinic_id",
    "source_file",
    "source_sheet",
    "source_line",
    "table_name",
    "column_name",
    "reason",
    "row_key",
    "first_seen",
    "status",
)


def _write_rows(folder: Path, rule: RuleRows, *, run_id: str, clinics: Mapping[str, Any]) -> None:
    """Write the complete list of a rule's rows as CSV, and as a page where there are many."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for row in rule.rows:
        shown = replace(row, row_key=short_key(row.row_key))
        writer.writerow([safe_cell(getattr(shown, column)) for column in _CSV_COLUMNS])
    write_text(folder / rule.csv_name, text.getvalue())
    if rule.page:
        write_page(folder / rule.page, "rows.html.j2", rule=rule, run_id=run_id, clinics=clinics)


def _summary(quality: RunQuality) -> dict[str, Any]:
    """Return the run as the index needs it, and each rule's counts for trends over runs."""
    tally, audits = Tally.of(quality.clinic_checks), Tally.of(quality.audits)
    statuses = files_by_status(quality.files)
    labels = {clinic.clinic_id: clinic.label for clinic in quality.clinics}
    worst = worst_of(quality.checks)
    return {
        "run_id": quality.run_id,
        "run_at": quality.run_at.isoformat(sep=" ", timespec="minutes") if quality.run_at else None,
        "n_pass": tally.n_pass,
        "n_applied": tally.n_applied,
        "pass_share": tally.pass_share,
        "state": tally.state,
        "n_audits": audits.n_applied,
        "n_audits_short": audits.n_applied - audits.n_pass,
        "n_accepted": statuses["accepted"],
        "n_rejected": statuses["rejected"],
        "n_refused": statuses["refused"],
        "n_held_files": statuses["held"],
        "n_received": sum(line.n_received for line in quality.files),
        "n_quarantined": sum(line.n_quarantined for line in quality.files),
        "grades": [
            {
                "clinic": grade.clinic.label,
                "grade": grade.grade,
                "grade_without_waivers": grade.grade_without_waivers,
                "age_days": grade.age_days,
                "meaning": grade.meaning,
            }
            for grade in grade_clinics(quality)
        ],
        "worst": {
            "rule_id": worst.rule_id,
            "title": worst.title,
            "state": worst.shown_state,
            "severity": worst.severity,
            "clinic_id": worst.clinic_id,
            "clinic": labels[worst.clinic_id],
            "n_lost": worst.n_lost,
            "n_lost_clients": worst.n_lost_clients,
            "n_unread": worst.n_unread,
            "lost": lost_in_words(worst),
        }
        if worst
        else None,
        "rules": [[c.clinic_id, c.rule_id, c.state, c.n_scope, c.n_failed] for c in quality.checks],
    }
