"""Columns of one name: a feed may map `score#2`, never a `score` that two columns are called."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.clinics.clinic import ITEM, SUBMITTED, Clinic, Feed
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.formats.header import columns_fitting
from transforms.formats.shapes.wide_rows import fits_wide
from transforms.formats.source import Source, plural
from transforms.intake.request import named_columns


def refuse_doubled(clinic: Clinic, file_name: str, sources: Iterable[Source]) -> None:
    """Refuse a file if a feed maps a name that columns of different content have.

    Raises
    ------
    FileRefused
        F04, with the names.
    """
    for source in sources:
        if not source.doubled:
            continue
        names = [name.rpartition("#")[0] for name in source.columns if name.endswith("#1")]
        doubled = [name for name in names if name.lower() in source.doubled]
        found = {
            name
            for feed in clinic.feeds_for(file_name, source.sheet)
            for name in doubled
            if _is_mapped(feed, name)
        }
        if found:
            raise FileRefused(
                "F04",
                f"{plural(len(found), 'mapped name')} that two columns have: "
                f"{', '.join(sorted(found))}",
                "Write which one you mean into the clinic's YAML, such as name#2 for the second",
            )


def _is_mapped(feed: Feed, name: str) -> bool:
    if name in named_columns(feed):
        return True
    if feed.wide and fits_wide(name, feed.wide):
        return True
    if feed.long and name in (*feed.long.key, feed.long.item, feed.long.value):
        return True
    if isinstance(feed.items, str) and columns_fitting(feed.items, (name,)):
        return True
    return feed.is_canonical and _is_canonical(feed, name.lower())


def _is_canonical(feed: Feed, name: str) -> bool:
    if any(column.name == name for column in TABLES[feed.table].columns):
        return name not in feed.constants
    return feed.table == "responses" and bool(ITEM.fullmatch(name) or SUBMITTED.fullmatch(name))
