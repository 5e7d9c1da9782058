"""Qualtrics: exports with three header rows, or the legacy two."""

from __future__ import annotations

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.format import Block, Format, Recognition
from transforms.formats.head import Head
from transforms.formats.personal import is_personal
from transforms.formats.qualtrics import reader
from transforms.formats.qualtrics.header import SYSTEM, Header, parse_header
from transforms.formats.qualtrics.options import QualtricsOptions
from transforms.formats.request import FeedRequest, Request
from transforms.formats.source import Source, plural


class Qualtrics(Format):
    """A row per response, columns called by question ids."""

    name = "qualtrics"
    order = 50
    block = Block("qualtrics", QualtricsOptions)
    everything = QualtricsOptions(previews="keep", tests="keep", spam="keep", unfinished="keep")

    def is_own_column(self, name: str) -> bool:
        """Whether Qualtrics records a column itself."""
        return name in SYSTEM.values()

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for Qualtrics' header rows."""
        try:
            parse_header(head.rows[:3])
        except FileRefused:
            return None
        return Recognition("the header rows are those of Qualtrics")

    def read(self, request: Request) -> list[Source]:
        """Read one export; refuse (F07) choice text where numbers are scored."""
        feeds = request.feeds_for(None)
        _refuse_personal(feeds)
        sources = reader.read(request, _reference(request))
        try:
            for feed in feeds:
                _refuse_texts(request, feed, sources[0])
        except FileRefused:
            sources[0].drop(request.con)
            raise
        return sources


def _refuse_texts(request: Request, feed: FeedRequest, source: Source) -> None:
    """Refuse an export whose scored items mostly hold choice text instead of recode values."""
    answers = feed.item_texts(source)
    if not answers:
        return
    counts = ", ".join(
        f"count({text}), count(*) filter (where {text} is not null "
        f"and try_cast(replace({text}, ',', '.') as double) is null)"
        for text in answers
    )
    query = f"select {counts} from {source.relation}"
    counted = sql.execute_quietly(request.con, query, step="looking for choice text")
    found = sql.only_row(counted)
    words = [n for filled, n in zip(found[::2], found[1::2], strict=True) if n * 2 > filled]
    if words:
        raise FileRefused(
            "F07",
            f"{plural(len(words), 'item')} mostly hold text instead of numbers "
            f"({plural(sum(words), 'cell')})",
            "In Qualtrics export with Use numeric values, or map the texts with `values`",
        )


def _reference(request: Request) -> Header | None:
    """Return the header of the three-row export beside a legacy file, if there is one."""
    found = request.file_beside(request.dictionary)
    return reader.read_header(found, request.scratch) if found else None


def _refuse_personal(feeds: list[FeedRequest]) -> None:
    """Refuse (F02) a mapping of columns that say who answered."""
    personal = sorted({name for feed in feeds for name in feed.columns if is_personal(name)})
    if personal:
        raise FileRefused(
            "F02",
            f"The clinic's YAML maps {', '.join(personal)}, which is never read",
            "Tell clients by ExternalReference or an embedded id",
        )
