"""Qualtrics exports with what the clinic's YAML says about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from transforms import sql
from transforms.clinics.clinic import Clinic, Feed, Join
from transforms.errors import FileRefused
from transforms.formats.qualtrics import reader as qualtrics
from transforms.formats.qualtrics.header import Header, is_personal
from transforms.formats.source import ReadOptions, Source, plural
from transforms.intake.column_mapping import wire
from transforms.intake.read_survey import time_formats
from transforms.intake.source_rows import item_text


def read_qualtrics(
    path: Path, clinic: Clinic, con: duckdb.DuckDBPyConnection, scratch: Path
) -> list[Source]:
    """Read one export; refuse (F07) choice text where numbers are scored."""
    feeds = clinic.feeds_for(path.name, None)
    sources = qualtrics.read(
        path,
        con=con,
        scratch=scratch,
        options=ReadOptions(delimiter=clinic.delimiter, encoding=clinic.encoding),
        rules=clinic.qualtrics.model_copy(update={"timezone": clinic.zone}),
        time_formats=time_formats(clinic, feeds),
        reference=_reference(path, clinic, scratch),
        is_mapped=_is_mapped(feeds),
    )
    try:
        for feed in feeds:
            _refuse_labels(con, clinic, feed, sources[0])
    except FileRefused:
        sources[0].drop(con)
        raise
    return sources


def _refuse_labels(
    con: duckdb.DuckDBPyConnection, clinic: Clinic, feed: Feed, source: Source
) -> None:
    """Refuse an export whose scored items mostly hold choice text instead of recode values."""
    wiring = wire(feed, source)
    answers = [item_text(wiring, clinic, number) for number in wiring.items]
    if not answers:
        return
    counts = ", ".join(
        f"count({text}), count(*) filter (where {text} is not null "
        f"and try_cast(replace({text}, ',', '.') as double) is null)"
        for text in answers
    )
    query = f"select {counts} from {source.relation}"
    found = sql.execute_quietly(con, query, step="looking for choice text").fetchone()
    words = [n for filled, n in zip(found[::2], found[1::2], strict=True) if n * 2 > filled]
    if words:
        raise FileRefused(
            "F07",
            f"{plural(len(words), 'item')} mostly hold text instead of numbers "
            f"({plural(sum(words), 'cell')})",
            "In Qualtrics export with Use numeric values, or map the texts with `values`",
        )


def _reference(path: Path, clinic: Clinic, scratch: Path) -> Header | None:
    """Return the header of the three-row export beside a legacy file, if there is one."""
    if not clinic.dictionary:
        return None
    found = sorted(path.parent.glob(clinic.dictionary))
    return qualtrics.read_header(found[-1], scratch) if found else None


def _refuse_personal(names: set[str]) -> None:
    personal = sorted(filter(is_personal, names))
    if personal:
        raise FileRefused(
            "F02",
            f"The clinic's YAML maps {', '.join(personal)}, which is never read",
            "Tell clients by ExternalReference or an embedded id",
        )


def _is_mapped(feeds: list[Feed]) -> Callable[[str], bool]:
    """Return whether the YAML names a column; refuse (F02) one that says who answered."""
    names: set[str] = set()
    patterns = []
    for feed in feeds:
        for column in (feed.columns or {}).values():
            names.update(column.join if isinstance(column, Join) else [column])
        names.update(feed.submitted.values(), feed.when)
        if isinstance(feed.items, str):
            before, _, after = feed.items.partition("{n}")
            patterns.append(re.compile(re.escape(before) + r"\d+" + re.escape(after)))
        else:
            names.update(feed.items.values() if isinstance(feed.items, dict) else feed.items or [])
    _refuse_personal(names)
    return lambda name: name in names or any(one.fullmatch(name) for one in patterns)
