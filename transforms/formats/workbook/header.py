"""Where the column names of a sheet stand: below titles, in several rows, in merged cells."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import FileRefused
from transforms.formats.header import checked_header, joined_names, title_refusal
from transforms.formats.source import ReadOptions, plural
from transforms.formats.workbook.sheet_xml import cell_name

_LOOK_AHEAD = 20
_SHOWN = 5
Row = tuple[int, list[str | None]]


@dataclass(frozen=True)
class Sheet:
    """The filled rows of one sheet, and its merged cells counted from 0: (row, column) twice."""

    rows: list[Row]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]


def sheet_header(sheet: Sheet, name: str, options: ReadOptions) -> tuple[tuple[str, ...], int]:
    """Return the column names and the number of the last row they take.

    Raises
    ------
    FileRefused
        F04 no header or a title, F05 merged cells below it.
    """
    place = options.header_of(name)
    if not sheet.rows:
        raise FileRefused("F04", f"Sheet {name} is empty", "Its first row must hold column names")
    first = place.row or sheet.rows[0][0]
    last = first + place.n_rows - 1
    above = {number: list(cells) for number, cells in sheet.rows if first <= number <= last}
    if last not in above:
        raise FileRefused(
            "F04",
            f"Sheet {name}: row {last}, the header according to `header_row`, is blank",
            "Correct `header_row` in the clinic's YAML",
        )
    _refuse_title(sheet, name, last, options)
    _fill_merged(above, sheet)
    _refuse_merged_data(sheet, name, last)
    rows = [[cell or "" for cell in above[number]] for number in sorted(above)]
    return checked_header(joined_names(rows)), last


def _refuse_title(sheet: Sheet, name: str, last: int, options: ReadOptions) -> None:
    """Refuse if a row further down holds more of the expected names than the header does."""
    expected = options.expected_of(name)
    counts = {
        number: len(expected & {(cell or "").strip() for cell in cells})
        for number, cells in sheet.rows[: last + _LOOK_AHEAD]
        if number >= last
    }
    better = max(counts, key=lambda number: (counts[number], -number))
    if counts[better] > max(1, counts[last]):
        raise title_refusal(f"Sheet {name}: row", last, better)


def _fill_merged(above: dict[int, list[str | None]], sheet: Sheet) -> None:
    """Give every cell of a merged block of the header the text of the block."""
    for (top, left), (bottom, right) in sheet.merged:
        for row in range(max(top, min(above) - 1), min(bottom, max(above) - 1) + 1):
            cells, source = above.get(row + 1), above.get(top + 1)
            for column in range(left, right + 1):
                if cells and source and column < len(cells):
                    cells[column] = source[left]


def _refuse_merged_data(sheet: Sheet, name: str, last: int) -> None:
    # Only a block's first cell holds its value: the rows below would read as empty.
    widths = max(len(cells) for _, cells in sheet.rows)
    found = [
        cell_name(*start)
        for start, end in sheet.merged
        if end[0] >= last and start[1] < widths and start[0] < sheet.rows[-1][0]
    ]
    if found:
        more = ", …" if len(found) > _SHOWN else ""
        raise FileRefused(
            "F05",
            f"Sheet {name}: {plural(len(found), 'merged cell')} below the header "
            f"({', '.join(found[:_SHOWN])}{more})",
            "Unmerge them and fill in every row; merged column names need `header_rows`",
        )
