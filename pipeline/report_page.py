"""`rapport report`: write the pages of one run again, from its release."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline import publish
from pipeline.home import Home
from transforms.errors import NothingToDoError


def address(home: Home, run_id: str) -> str:
    """Return where a person opens a run's page: behind Airflow's login in the service, else a file.

    The service sets Airflow's address for all its parts in AIRFLOW__API__BASE_URL.
    """
    page = home.reports / run_id / "index.html"
    base = os.environ.get("AIRFLOW__API__BASE_URL")
    return f"{base}/rapport/{page.relative_to(home.root)}" if base else str(page)


def rewrite_pages(home: Home, run_id: str | None = None) -> Path:
    """Write the page and issue lists of a run (default: the published one) and the index.

    Raises
    ------
    NothingToDoError
        Nothing is published, or the release of that run is not kept.
    """
    from pipeline.night import write_index, write_page

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
