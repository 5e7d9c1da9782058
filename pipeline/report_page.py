"""`rapport report`: write the pages of one run again, from its release."""

from __future__ import annotations

from pathlib import Path

from pipeline import publish
from pipeline.home import Home
from transforms.errors import NothingToDoError


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
