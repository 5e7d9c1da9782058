"""The pages of a run and the index over runs: where they lie, and writing them, also again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.home import Home
from pipeline.steps import publish
from pipeline.storage.configuration import rules
from pipeline.storage.freshness import freshness
from pipeline.storage.ledger import Ledger
from pipeline.storage.remarks import read_remarks
from transforms.errors import Broken, NothingToDoError


def address(home: Home, run_id: str) -> str:
    """Return where a person opens a run's page: behind Airflow's login in the service, else a file.

    The service sets Airflow's address for all its parts in AIRFLOW__API__BASE_URL.
    """
    page = home.reports / run_id / "index.html"
    base = os.environ.get("AIRFLOW__API__BASE_URL")
    return f"{base}/rapport/{page.relative_to(home.root)}" if base else str(page)


def write_page(home: Home, analytics: Path, run_id: str) -> Path:
    """Write the validation report of one run from a file that holds its results."""
    from reports.validation.guidance import Guidance
    from reports.validation.page import write_report

    guidance = {
        rule.id: Guidance(f"{rule.why} {rule.downstream}", rule.remedy, rule.remedies)
        for rule in rules(home).rules
    }
    remarks = read_remarks(home, run_id)
    return write_report(analytics, home.reports, run_id, guidance=guidance, remarks=remarks)


def write_stopped_page(home: Home, run_id: str, broken: Sequence[Broken]) -> Path:
    """Write the page of a run that a broken promise stopped, and the index."""
    from reports.validation.stopped_page import write_stopped

    page = write_stopped(home.reports, run_id, broken)
    write_index(home)
    return page


def write_index(home: Home) -> None:
    """Write the index over runs, with what is published and what can be brought back."""
    from reports.validation import page as validation_report

    kept, published = publish.releases(home), publish.published_run(home)
    ledger = Ledger(home) if home.ledger.exists() else None
    runs = ledger.all_runs() if ledger else []
    remarks = read_remarks(home, runs[0]["run_id"]) if runs else []
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    clinics = freshness(home, ledger, now) if ledger else []
    validation_report.write_index(
        home.reports, kept, published=published, remarks=remarks, clinics=clinics, now=now
    )


def rewrite_pages(home: Home, run_id: str | None = None) -> Path:
    """Write the page and issue lists of a run (default: the published one) and the index.

    Raises
    ------
    NothingToDoError
        Nothing is published, or the release of that run is not kept.
    """
    target = run_id or publish.published_run(home)
    if target is None:
        raise NothingToDoError("report: nothing is published yet. Run `rapport run`.")
    kept = publish.releases(home)
    if target not in kept:
        raise NothingToDoError(
            f"report: release {target} is not kept, its page stays as it is. "
            f"Kept: {', '.join(kept) or 'none'}."
        )
    page = write_page(home, home.release(target), target)
    write_index(home)
    return page
