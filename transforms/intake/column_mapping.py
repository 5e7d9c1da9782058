"""Which source column fills which canonical column, for one feed and one source."""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms import sql
from transforms.clinics.clinic import (
    ITEM,
    SUBMITTED,
    Clinic,
    Feed,
    Join,
)
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.formats.header import columns_fitting, refuse_missing
from transforms.formats.source import Note, Source, plural

_SHOWN = 10


@dataclass(frozen=True)
class ColumnMapping:
    """Where a feed's cells come from.

    cells : canonical column to source columns; more than one are joined.
    constants : canonical column to the value it has in every row.
    items : item number to source column. submitted : scale to source column.
    """

    feed: Feed
    source: Source
    cells: dict[str, Join] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)
    submitted: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def is_one_cell(self, column: str) -> bool:
        """Whether the text of a canonical column is that of one cell, neither set nor joined."""
        joined = self.cells.get(column)
        return column not in self.constants and joined is not None and len(joined.join) == 1

    def raw(self, column: str) -> str:
        """Return SQL for the text of a canonical column as the clinic wrote it."""
        if column in self.constants:
            return sql.text(self.constants[column])
        if column not in self.cells:
            return "null::varchar"
        joined = self.cells[column]
        parts = [sql.name(part) for part in joined.join]
        if len(parts) == 1:
            return parts[0]
        # An identifier with a part missing would collide with another; the first part decides
        # whether there is one at all.
        rest = f" || {sql.text(joined.separator)} || ".join(
            f"coalesce(trim({part}), '')" for part in parts
        )
        return f"case when {parts[0]} is not null then {rest} end"


def mappings_by_table(
    clinic: Clinic, file_name: str, sources: list[Source]
) -> dict[str, list[ColumnMapping]]:
    """Map every feed onto the sources it reads; return them by canonical table.

    Raises
    ------
    FileRefused
        F02 if a required column, an item column or a filter's column is missing.
    """
    mappings: dict[str, list[ColumnMapping]] = {}
    for source in sources:
        for feed in _feeds_of(clinic, file_name, source):
            mappings.setdefault(feed.table, []).append(_mapping(feed, source))
    return mappings


def _mapping(feed: Feed, source: Source) -> ColumnMapping:
    try:
        return map_columns(feed, source)
    except FileRefused as found:
        refusal = found
    raise source.refused(refusal)


def _feeds_of(clinic: Clinic, file_name: str, source: Source) -> list[Feed]:
    if source.feed is not None:
        return [clinic.feeds[source.feed]]
    return [
        feed
        for feed in clinic.feeds_for(source.member or file_name, source.sheet)
        if not feed.is_reshaped
    ]


def map_columns(feed: Feed, source: Source) -> ColumnMapping:
    """Find the source columns of a feed.

    Raises
    ------
    FileRefused
        F02 if a required column, an item column or a filter's column is missing.
    """
    return _map_canonical(feed, source) if feed.is_canonical else _map_declared(feed, source)


def _map_canonical(feed: Feed, source: Source) -> ColumnMapping:
    table = TABLES[feed.table]
    # A clinic's spreadsheet may write Client_ID; the contract's names are lowercase.
    by_lower = {column.lower(): column for column in source.columns}
    known = [column.name for column in table.columns if column.name in by_lower]
    missing = [n for n in table.required if n not in by_lower and n not in feed.constants]
    refuse_missing(missing, source.columns, where=f"{table.name}: ")
    _refuse_absent_filters(feed, source)
    items, submitted = _answers(feed, source)
    if feed.table == "responses" and not items:
        matches = ((ITEM.fullmatch(lower), column) for lower, column in by_lower.items())
        items = {int(match[1]): column for match, column in matches if match}
    if feed.table == "responses" and not submitted:
        matches = ((SUBMITTED.fullmatch(lower), column) for lower, column in by_lower.items())
        submitted = {match[1]: column for match, column in matches if match}
    cells = {name: Join(join=[by_lower[name]]) for name in known if name not in feed.constants}
    used = {*(by_lower[name] for name in known), *items.values(), *submitted.values()}
    extra = [column for column in source.columns if column not in used]
    notes = (_column_note("extra_columns", "not used", extra),) if extra else ()
    return ColumnMapping(feed, source, cells, feed.constants, _sorted(items), submitted, notes)


def _map_declared(feed: Feed, source: Source) -> ColumnMapping:
    table = TABLES[feed.table]
    joins = {
        column: value if isinstance(value, Join) else Join(join=[value])
        for column, value in (feed.columns or {}).items()
    }
    present = {
        column: join for column, join in joins.items() if set(join.join) <= set(source.columns)
    }
    absent = [part for join in joins.values() for part in join.join if part not in source.columns]
    needed = [
        part
        for column in table.required
        if column in joins
        for part in joins[column].join
        if part not in source.columns
    ]
    refuse_missing(needed, source.columns, where=f"{table.name}: ")
    _refuse_absent_filters(feed, source)
    items, submitted = _answers(feed, source)
    absent += [column for scale, column in feed.submitted.items() if scale not in submitted]
    notes = (_column_note("missing_columns", "missing", absent),) if absent else ()
    return ColumnMapping(feed, source, present, feed.constants, _sorted(items), submitted, notes)


def _refuse_absent_filters(feed: Feed, source: Source) -> None:
    absent = [column for column in feed.when if column not in source.columns]
    refuse_missing(absent, source.columns, where=f"{feed.table}, `when`: ")


def _answers(feed: Feed, source: Source) -> tuple[dict[int, str], dict[str, str]]:
    """Return item columns, all of which must be there, and the submitted ones found."""
    if feed.is_reshaped:
        made = {match[1]: name for name in source.columns if (match := SUBMITTED.fullmatch(name))}
        return columns_fitting("item_{n}", source.columns), made
    submitted = {
        scale: column for scale, column in feed.submitted.items() if column in source.columns
    }
    return item_columns(feed, source), submitted


def item_columns(feed: Feed, source: Source) -> dict[int, str]:
    """Return the source column of every item the feed names.

    Raises
    ------
    FileRefused
        F02 if one is missing: the answers of the others would be scored without it.
    """
    if isinstance(feed.items, str):
        items = columns_fitting(feed.items, source.columns)
        if not items:
            raise FileRefused(
                "F02",
                f"{feed.table}: no column fits the item pattern {feed.items}",
                "Add the item columns to the export, or correct `items` in the clinic's YAML",
            )
    elif isinstance(feed.items, list):
        items = dict(enumerate(feed.items, 1))
    else:
        items = dict(feed.items or {})
    absent = [column for column in items.values() if column not in source.columns]
    refuse_missing(absent, source.columns, where=f"{feed.table}, items: ")
    return items


def _sorted(items: dict[int, str]) -> dict[int, str]:
    return dict(sorted(items.items()))


def _column_note(kind: str, what: str, columns: list[str]) -> Note:
    shown = ", ".join(columns[:_SHOWN]) + (", …" if len(columns) > _SHOWN else "")
    return Note(kind, f"{plural(len(columns), 'column')} {what}: {shown}")
