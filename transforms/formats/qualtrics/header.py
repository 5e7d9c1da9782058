"""The header rows of a Qualtrics export: which column is which question.

Exports have three header rows (names, labels, ImportIds); the legacy format and workbooks have
two. Names can be changed by anyone who edits the survey, ImportIds cannot. So a column is called
by its ImportId, always spelled the same (`QID5_1`), and by its name only besides. In a file with
two rows ids are unknown; a three-row export of the same survey, put beside it, teaches them by
their labels.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from transforms.errors import FileRefused
from transforms.formats.personal import is_personal
from transforms.formats.source import LINE

_IMPORT_ID = re.compile(r"""['"]ImportId['"]\s*:\s*['"]([^'"]+)['"]""")
_CHOICE_ID = re.compile(r"""['"]choiceId['"]\s*:\s*['"]?([^'",}\s]+)""")
_TIME_ZONE = re.compile(r"""['"]timeZone['"]\s*:\s*['"]([^'"]+)['"]""")
_QUESTION = re.compile(r"(\d+_)?QID\d+([-_#].*)?")
_RESPONSE_ID = re.compile(r"[RF]S?_\w+")
_LEGACY_NAME = re.compile(r"V\d+")
# What Qualtrics itself records, by ImportId, by name and by legacy label.
SYSTEM = {
    "startdate": "StartDate",
    "enddate": "EndDate",
    "recordeddate": "RecordedDate",
    "status": "Status",
    "progress": "Progress",
    "duration": "Duration",
    "duration (in seconds)": "Duration",
    "finished": "Finished",
    "_recordid": "ResponseId",
    "responseid": "ResponseId",
    "responseset": "ResponseSet",
    "responsesetid": "ResponseSet",
    "externalreference": "ExternalReference",
    "externaldatareference": "ExternalReference",
    "panel-externaldatareference": "ExternalReference",
    "distributionchannel": "DistributionChannel",
    "userlanguage": "UserLanguage",
}
TIMES = ("StartDate", "EndDate", "RecordedDate")
LEAST_OF_LABEL = 20  # Shorter beginnings are those of too many labels.
_REMEDY = "In Qualtrics choose Data & Analysis, Export data, CSV; change no header row"


@dataclass(frozen=True)
class Column:
    """One column. ``aliases``: other names a mapping may call it by, all unambiguous."""

    position: int
    id: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """The columns that can be told apart and may be read.

    timezone : the zone the file says its times are in, if it does.
    n_cells : cells of a header row; n_personal, n_unclear : columns left out.
    labels : normalized label to id, of labels that one column has.
    names : name in small letters to id and normalized label, of names that one column has.
    personal : names of the columns that say who answered.
    """

    columns: tuple[Column, ...]
    n_rows: int
    n_cells: int
    timezone: str | None
    n_personal: int
    n_unclear: int
    labels: dict[str, str]
    names: dict[str, tuple[str, str]]
    personal: tuple[str, ...] = ()

    def id_of(self, name: str, label: str) -> str | None:
        """Return the id of a column of a file without ids; None if nothing says it for sure.

        Told by an id in the name; by a label one column has; where several have it, or it was
        cut off or written with another separator, by name and label together.
        """
        written = name.replace("-", "_")
        if _QUESTION.fullmatch(name) and any(one.id == written for one in self.columns):
            return written
        key = _label_key(label)
        found = self.names.get(name.lower())
        if found and _is_same_label(found[1], key):
            return found[0]
        return self.labels.get(key)

    def at(self, column: str) -> int | None:
        """Return the position of a column called by its id."""
        return next((one.position for one in self.columns if one.id == column), None)


@dataclass(frozen=True)
class _Raw:
    """One column as the header rows have it. An empty id: nothing tells which question it is."""

    position: int
    id: str
    name: str
    label: str
    is_personal: bool
    spellings: tuple[str, ...] = ()


def parse_header(rows: list[list[str]], reference: Header | None = None) -> Header:
    """Read two or three header rows.

    Parameters
    ----------
    rows : the first three rows of the file, fewer if it has no more.
    reference : header of a three-row export of the same survey; gives a legacy file its ids.

    Raises
    ------
    FileRefused
        F04: the rows are not the header rows of a Qualtrics export.
    """
    if len(rows) > 2 and _is_import_ids(rows[2]):
        return _header(_with_import_ids(rows), 3, _time_zone(rows[2]))
    if len(rows) > 1 and (_is_legacy(rows) or _is_named(rows)):
        return _header(_without_import_ids(rows, reference), 2, None)
    raise FileRefused(
        "F04", "The header rows are not those of a Qualtrics export (names, labels, ImportIds)",
        _REMEDY,
    )  # fmt: skip


def _is_import_ids(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_IMPORT_ID.search(cell) for cell in filled)


def _is_legacy(rows: list[list[str]]) -> bool:
    pairs = zip(rows[0], rows[1], strict=False)
    return any(
        _LEGACY_NAME.fullmatch(name) and label.lower() == "responseid" for name, label in pairs
    )


def _is_named(rows: list[list[str]]) -> bool:
    """Whether two rows of names and labels stand there, as in workbooks, then responses."""
    names = [name.strip() for name in rows[0]]
    has_ids = any("ImportId" in cell for row in rows for cell in row)
    if has_ids or not {"ResponseId", "EndDate"} <= set(names):
        return False
    cells = dict(zip(names, rows[1], strict=False))
    # Below a name stands its label in some language, not already a response.
    return not (
        _RESPONSE_ID.fullmatch(cells.get("ResponseId", ""))
        or any(mark.isdecimal() for mark in cells.get("EndDate", "0"))
    )


def _time_zone(cells: list[str]) -> str | None:
    zones = {match[1] for cell in cells if (match := _TIME_ZONE.search(cell))}
    if len(zones) > 1:
        raise FileRefused("F04", "The header states more than one time zone", _REMEDY)
    return next(iter(zones), None)


def _with_import_ids(rows: list[list[str]]) -> list[_Raw]:
    width = max(map(len, rows))
    names, labels, ids = ([cell.strip() for cell in row] + [""] * width for row in rows[:3])
    return [_modern(i, names[i], labels[i], ids[i]) for i in range(width) if ids[i] or names[i]]


def _modern(position: int, name: str, label: str, cell: str) -> _Raw:
    match = _IMPORT_ID.search(cell)
    written = match[1] if match else ""
    choice = _CHOICE_ID.search(cell)
    if choice:
        written = f"{written}_{choice[1]}"
    is_question = _QUESTION.fullmatch(written) is not None
    column = written.replace("-", "_") if is_question else SYSTEM.get(written.lower(), written)
    # `QID4-2-TEXT` has the label of its choice; legacy files add -TEXT to that.
    is_text = column.endswith("_TEXT") and not re.search(r"-\s*text$", label, re.I)
    return _Raw(
        position,
        column,
        name,
        f"{label}-TEXT" if is_text else label,
        is_personal(written) or is_personal(name),
        (written,),
    )


def _without_import_ids(rows: list[list[str]], reference: Header | None) -> list[_Raw]:
    width = max(map(len, rows[:2]))
    names, labels = ([cell.strip() for cell in row] + [""] * width for row in rows[:2])
    raws = []
    for i in range(width):
        name, label = names[i], labels[i]
        if not (name or label):
            continue
        # Legacy files call Qualtrics' own columns V1, V2, …: the label below says which.
        own = label if _LEGACY_NAME.fullmatch(name) else name
        column = SYSTEM.get(own.lower())
        if column is None and reference:
            column = reference.id_of(name, label)
        raws.append(_Raw(i, column or name, name, label, is_personal(own)))
    return raws


def _label_key(label: str) -> str:
    """Return a label without blanks and separators: ` : ` in one export is `-` in another."""
    return re.sub(r"[\s:\-\u2013\u2014]+", "", label).lower()


def _is_same_label(one: str, other: str) -> bool:
    """Whether two normalized labels are the same, or one is the other cut off."""
    short, long = sorted((one.rstrip(".\u2026"), other.rstrip(".\u2026")), key=len)
    return one == other or (len(short) >= LEAST_OF_LABEL and long.startswith(short))


def _header(raws: list[_Raw], n_rows: int, timezone: str | None) -> Header:
    kept = [raw for raw in raws if not raw.is_personal]
    names = Counter(raw.name.lower() for raw in kept if raw.name)
    ids = Counter(raw.id.lower() for raw in kept)
    # Two columns with one id can still be told by their names.
    kept = [
        raw if ids[raw.id.lower()] == 1 else replace(raw, id=_sole(raw.name, names, ids))
        for raw in kept
    ]
    clear = [raw for raw in kept if raw.id and raw.id.lower() != LINE]
    columns = _with_aliases(clear, names)
    labels = Counter(_label_key(raw.label) for raw in clear)
    return Header(
        columns,
        n_rows,
        max((raw.position for raw in raws), default=-1) + 1,
        timezone,
        len(raws) - len(kept),
        len(kept) - len(clear),
        {_label_key(raw.label): raw.id for raw in clear if labels[_label_key(raw.label)] == 1},
        {
            raw.name.lower(): (raw.id, _label_key(raw.label))
            for raw in clear
            if names[raw.name.lower()] == 1
        },
        tuple(raw.name or raw.id for raw in raws if raw.is_personal),
    )


def _sole(name: str, names: Counter[str], ids: Counter[str]) -> str:
    """Return the name if no other column is called so, by name or by id; else nothing."""
    key = name.lower()
    return name if name and names[key] == 1 and ids[key] == 0 else ""


def _may_name(name: str) -> bool:
    """Whether a name cannot be mistaken for the id of another column."""
    return not (_QUESTION.fullmatch(name) or name in SYSTEM.values())


def _with_aliases(raws: list[_Raw], names: Counter[str]) -> tuple[Column, ...]:
    taken = {raw.id.lower() for raw in raws}
    columns = []
    for raw in raws:
        aliases = []
        names_of_it = (*raw.spellings, raw.name if _may_name(raw.name) else "")
        for alias in names_of_it:
            key = alias.lower()
            if alias and key not in taken and key != LINE and names[key] <= 1:
                taken.add(key)
                aliases.append(alias)
        columns.append(Column(raw.position, raw.id, tuple(aliases)))
    return tuple(columns)
