"""Day and month in dates of two or three numbers: declared once for a file, never guessed.

03/04/2026 is a date in March or in April. Which one, a row cannot say, and other rows must not
say it for it: a file that mixes both orders, or does not say which it uses, is refused.
"""

from __future__ import annotations

import duckdb

from transforms import sql
from transforms.cells import Reading, converted
from transforms.clinics.clinic import Clinic
from transforms.clinics.date_formats import order_of
from transforms.contract import Column, Table
from transforms.errors import FileRefused
from transforms.formats.source import LINE
from transforms.formats.time_zones import SHORT_DATE
from transforms.intake.column_mapping import ColumnMapping
from transforms.intake.source_rows import clean_cell, reading_of, row_filter

_SHOWN = 3


def refuse_unclear_dates(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    mappings: list[ColumnMapping],
    clinic: Clinic,
    n_bad: dict[str, int],
) -> None:
    """Refuse a file in which day and month cannot be told apart.

    Parameters
    ----------
    n_bad : dates that could not be converted, by canonical column. Nothing is looked at where
        all of them could.

    Raises
    ------
    FileRefused
        F09, with the first lines of each kind.

    Notes
    -----
    Where a format is declared, one date that fits only the other order refuses the file: the
    dates that fit both would be read wrongly. Where none is, a few such dates among ISO 8601
    ones are those rows' own fault, and a rule finds them; if they are most, nothing was said.
    """
    for column in table.columns:
        if column.kind not in ("date", "timestamp") or not n_bad.get(column.name):
            continue
        for mapping in mappings:
            if column.name not in mapping.cells:
                continue
            refusal = _refusal_of(con, column, mapping, clinic)
            if refusal:
                raise mapping.source.refused(refusal)


def _refusal_of(
    con: duckdb.DuckDBPyConnection, column: Column, mapping: ColumnMapping, clinic: Clinic
) -> FileRefused | None:
    reading = reading_of(mapping, clinic)
    query = _count_query(column, mapping, clinic, reading)
    found = sql.only_row(sql.execute_quietly(con, query, step="telling day from month"))
    n_filled, n_day, n_month, n_either, days, months, either = found
    if not (n_day or n_month or n_either):  # all bad dates are another source's
        return None
    formats = reading.date_formats
    formats += reading.timestamp_formats if column.kind == "timestamp" else ()
    declared = {order[:2] for order in map(order_of, formats) if order in ("dmy", "mdy")}
    if n_day and n_month:
        return _refusal(
            column, f"mixes both orders: day first in {days}, month first in {months}", ""
        )
    if declared == {"dm"} and n_month:
        return _refusal(column, f"is declared day first, but month first in {months}", "correct")
    if declared == {"md"} and n_day:
        return _refusal(column, f"is declared month first, but day first in {days}", "correct")
    if not declared and (n_day + n_month + n_either) * 2 > n_filled:
        order = f"day first, as {days} show" if n_day else f"month first, as {months} show"
        what = f"is written {order}" if n_day or n_month else f"does not say which: {either}"
        return _refusal(column, f"{what}, and no format is declared", "declare")
    return None


def _refusal(column: Column, what: str, remedy: str) -> FileRefused:
    option, clock = (
        ("timestamp_format", " %H:%M") if column.kind == "timestamp" else ("date_format", "")
    )
    export = "xport all dates in one order, best as 2026-12-31"
    remedies = {
        "declare": f'Write `{option}: "%d/%m/%Y{clock}"` (day first) or "%m/%d/%Y{clock}" (month '
        "first), with the column's own marks and no time where it has none, into the clinic's YAML",
        "correct": f"Correct `{option}` in the clinic's YAML, or e{export}",
        "": f"E{export}",
    }
    return FileRefused(
        "F09", f"Day and month in {column.name}: the column {what}", remedies[remedy]
    )


def _count_query(column: Column, mapping: ColumnMapping, clinic: Clinic, reading: Reading) -> str:
    """Return the query for the dates, by which order they allow, and their first lines."""
    kinds = {
        "is_day": "first between 13 and 31 and second between 1 and 12",
        "is_month": "second between 13 and 31 and first between 1 and 12",
        "is_either": "first between 1 and 12 and second between 1 and 12",
    }
    counts = ", ".join(f"count(*) filter (where {test})" for test in kinds.values())
    lines = ", ".join(
        "'lines ' || array_to_string(list_slice(list_sort(list(distinct line) "
        f"filter (where {test})), 1, {_SHOWN}), ', ')"
        for test in kinds.values()
    )
    return f"""
        select any_value(n_filled), {counts}, {lines}
        from (
            select
                line,
                try_cast(regexp_extract(cell, '{SHORT_DATE}', 1) as integer) as first,
                try_cast(regexp_extract(cell, '{SHORT_DATE}', 2) as integer) as second,
                n_filled
            from (
                select
                    {LINE} as line,
                    cell,
                    {converted("cell", column.kind, reading)} is null as is_bad,
                    count(cell) over () as n_filled
                from (
                    select {LINE}, {clean_cell(mapping, clinic, column.name)} as cell
                    from {mapping.source.relation}
                    where {row_filter(mapping, clinic)}
                )
            )
            where is_bad and cell is not null
        )
    """
