"""Wide rows and item rows, for the feeds of a clinic's YAML that declare them."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from transforms.cells import Reading
from transforms.clinics.clinic import Clinic, Feed
from transforms.formats.shapes.item_rows import fold
from transforms.formats.shapes.wide_rows import unfold
from transforms.formats.source import Source
from transforms.intake.source_rows import feed_reading


def reshaped(
    con: duckdb.DuckDBPyConnection, sources: list[Source], clinic: Clinic, file_name: str
) -> list[Source]:
    """Return the sources, and one more for every feed that reads wide rows or item rows.

    A source made for one feed carries the feed's place in the YAML and is read by no other.
    """
    made: list[Source] = []
    try:
        for source in sources:
            for feed in clinic.feeds_for(file_name, source.sheet):
                if feed.is_reshaped:
                    shaped = _shaped(con, source, feed, feed_reading(feed, source, clinic))
                    made.append(replace(shaped, feed=clinic.feeds.index(feed)))
    except BaseException:
        for source in (*made, *sources):
            source.drop(con)
        raise
    return [*made, *sources]


def _shaped(con: duckdb.DuckDBPyConnection, source: Source, feed: Feed, reading: Reading) -> Source:
    if feed.wide:
        return unfold(con, source, feed.wide, reading)
    if feed.long is None:
        raise ValueError("a feed that is not reshaped was to be reshaped")
    return fold(con, source, feed.long, reading, feed.when)
