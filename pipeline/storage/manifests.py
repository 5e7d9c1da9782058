"""What a clinic says its files hold: rows and period, so that a cut-off transfer is noticed.

Beside its exports a clinic may put ``manifest.csv`` (columns file, rows, from, to; one row per
file, kept and added to) or ``<file>.manifest.json`` (keys rows, from, to). Days are ISO 8601,
both ends included; everything but the file's name may be left out.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from transforms.statistics.withheld import Facts

CSV = "manifest.csv"
JSON_SUFFIX = ".manifest.json"
ROWS_RULE, PERIOD_RULE = "F05", "F04"


@dataclass(frozen=True)
class Promise:
    """What a manifest says of one file. ``problem`` says why it cannot be relied on."""

    file: str
    n_rows: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    problem: str = ""

    @property
    def series(self) -> str:
        """The file's name without its numbers: what successive deliveries have in common."""
        return re.sub(r"\d+", "", self.file)


@dataclass(frozen=True)
class Count:
    """One rule counted for one file; n_scope 0: the manifest says nothing about it."""

    rule_id: str
    n_scope: int
    n_failed: int
    error: str | None = None


def is_manifest(name: str) -> bool:
    """Whether a file of a landing folder tells of others and holds no rows itself."""
    return name.lower() == CSV or name.lower().endswith(JSON_SUFFIX)


def read_manifests(folder: Path) -> dict[str, Promise]:
    """Return what the manifests of a clinic's landing folder say, by path below the folder."""
    promises: dict[str, Promise] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_manifest(path.name):
            place = path.relative_to(folder).parent
            read = _read_csv if path.name.lower() == CSV else _read_json
            for promise in read(path):
                file = (place / promise.file).as_posix()
                promises[file] = Promise(
                    file, promise.n_rows, promise.first_day, promise.last_day, promise.problem
                )
    return promises


def count_promises(
    promises: Mapping[str, Promise], source_file: str, n_read: int | None
) -> tuple[Count, Count]:
    """Return the counts of F04 and F05 for one file.

    Parameters
    ----------
    n_read : rows the reader found; None for a file that could not be read
    """
    promise = promises.get(source_file)
    if promise is None:
        return Count(PERIOD_RULE, 0, 0), Count(ROWS_RULE, 0, 0)
    if promise.problem:
        return (
            Count(PERIOD_RULE, 0, 0, promise.problem),
            Count(ROWS_RULE, 0, 0, promise.problem),
        )
    before = _before(promise, promises.values())
    is_told = promise.n_rows is not None and n_read is not None
    return (
        Count(PERIOD_RULE, int(before is not None), int(_is_broken(before, promise))),
        Count(ROWS_RULE, int(is_told), int(is_told and promise.n_rows != n_read)),
    )


def _before(promise: Promise, others: Iterable[Promise]) -> Promise | None:
    """Return the delivery before: the latest of the series that ends earlier."""
    if promise.first_day is None or promise.last_day is None:
        return None
    earlier = [
        other
        for other in others
        if other.series == promise.series
        and other.first_day is not None
        and other.last_day is not None
        and (other.last_day, other.first_day) < (promise.last_day, promise.first_day)
    ]
    return max(earlier, key=lambda other: (other.last_day, other.first_day), default=None)


def _is_broken(before: Promise | None, promise: Promise) -> bool:
    """Whether days are missing between two periods, or repeated without being all repeated."""
    if before is None or promise.first_day is None:
        return False
    if before.first_day is None or before.last_day is None:
        return False
    has_gap = promise.first_day > before.last_day + timedelta(days=1)
    overlaps = before.first_day < promise.first_day < before.last_day
    return has_gap or overlaps


def _read_csv(path: Path) -> list[Promise]:
    # A byte that is no UTF-8 spoils a name, not the night.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        _promise(row.get("file") or "", row, f"{CSV} line {n}") for n, row in enumerate(rows, 2)
    ]


def _read_json(path: Path) -> list[Promise]:
    file = path.name[: -len(JSON_SUFFIX)]
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return [Promise(file, problem="the manifest is not a JSON object; write rows, from and to")]
    return [_promise(file, content, "the manifest")]


def _promise(file: str, row: Facts, place: str) -> Promise:
    told = {
        key: str(row[key]).strip()
        for key in ("rows", "from", "to")
        if row.get(key) not in (None, "")
    }
    try:
        return Promise(
            file.strip(),
            int(told["rows"]) if "rows" in told else None,
            date.fromisoformat(told["from"]) if "from" in told else None,
            date.fromisoformat(told["to"]) if "to" in told else None,
        )
    except ValueError:
        problem = f"{place}: rows is not a whole number, or from or to is no day such as 2026-01-31"
        return Promise(file.strip(), problem=problem)
