"""Choose the rows that go wrong, and write down which they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.clinics import EXTRACT_DATE
from demo.errors_to_plant import KINDS, Kind, attended
from demo.exports import Edit, Layout
from demo.tables import Tables


@dataclass(frozen=True)
class Planted:
    """One planted error: its kind, the edit that makes it, the row it collides with if any."""

    kind: Kind
    edit: Edit
    partner_row: int | None = None


def plan(clinic_id: str, tables: Tables, rng: np.random.Generator) -> list[Planted]:
    """Choose rows for every kind of error of a clinic; each client is hit at most once.

    A kind that finds no row in a small demo is left out.
    """
    used: set[str] = set()
    planted = []
    for kind in KINDS[clinic_id]:
        fits = np.flatnonzero(kind.where(tables))
        rng.shuffle(fits)
        n = min(kind.n, len(fits) // kind.fits_per_error)
        n = min(n, tables[kind.table].num_rows // kind.rows_per_error)
        for number, row in enumerate(_free_rows(tables[kind.table], fits, used, n)):
            planted.append(_plant(kind, tables, int(row), number))
    return planted


def manifest(clinic_id: str, planted: list[Planted], layout: Layout) -> list[dict[str, Any]]:
    """Return one entry per row in error, with file and line as delivered.

    Where two rows collide and both are wrong, each has its entry and names the other.
    """
    entries: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for position, one in enumerate(planted):
        kind, lines = one.kind, [layout.edited[position]]
        if one.partner_row is not None:
            lines.append(int(layout.line_of[kind.table][one.partner_row]))
        for line, partner in zip(lines, lines[::-1], strict=True):
            counts[kind.rule_id] += 1
            entry = {
                "id": f"{clinic_id}-{kind.rule_id}-{counts[kind.rule_id]}",
                "rule_id": kind.rule_id,
                "also": list(kind.also),
                "clinic": clinic_id,
                "file": layout.files[kind.table],
                "line": line,
                "table": kind.table,
                "column": kind.column,
                "what": kind.what,
            }
            entries.append(entry | ({"partner_line": partner} if partner != line else {}))
            if not kind.hits_both:
                break
    return entries


def found_besides(tables: Tables) -> dict[str, int]:
    """Count rows of a clean clinic that warnings point at, because real clinics are like that.

    E03: closed without a known reason. E05: nobody closed the file of somebody who left (counted
    90 days before the extract; a later run finds more).
    """
    episodes, sessions = tables["episodes"], tables["sessions"]
    reason = episodes.column("discharge_reason")
    is_unknown = pc.fill_null(pc.equal(reason, "unknown"), True).to_numpy()
    is_open = pc.is_null(episodes.column("end_date")).to_numpy()
    long_ago = np.datetime64(EXTRACT_DATE) - np.timedelta64(90, "D")
    is_recent = sessions.column("session_at").to_numpy() >= long_ago
    with_contact = sessions.column("episode_id").filter(pa.array(is_recent & attended(tables)))
    has_contact = pc.is_in(
        episodes.column("episode_id"), value_set=with_contact.combine_chunks()
    ).to_numpy()
    is_old = episodes.column("start_date").to_numpy() < long_ago
    return {
        "E03": int((~is_open & is_unknown).sum()),
        "E05": int((is_open & ~has_contact & is_old).sum()),
    }


def _free_rows(table: pa.Table, fits: np.ndarray, used: set[str], n: int) -> list[int]:
    person = "client_id" if "client_id" in table.column_names else "therapist_id"
    chosen: list[int] = []
    for row in fits:
        if len(chosen) == n:
            break
        identifier = table.column(person)[int(row)].as_py()
        if identifier not in used:
            used.add(identifier)
            chosen.append(int(row))
    return chosen


def _plant(kind: Kind, tables: Tables, row: int, number: int) -> Planted:
    table = tables[kind.table]
    before = table.slice(row, 1).to_pylist()[0]
    before["previous"] = table.slice(max(row - 1, 0), 1).to_pylist()[0]
    edit = Edit(kind.table, row, kind.changes(before, number), kind.is_copy)
    partner = row if kind.is_copy else row - 1 if kind.rule_id in ("S01", "N12") else None
    return Planted(kind, edit, partner)
