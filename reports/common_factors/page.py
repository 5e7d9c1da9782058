"""The common-factors report: one offline page a service lead can read.

For every scope (all clinics, each group of several, each clinic) the page answers the same
questions from the ``cf_`` tables, each with a sentence made from the numbers, a plot, the
numbers, a published figure beside them, what they do not show, and the query behind them.
Nothing is computed here, and nothing else is read than public.duckdb: the page repeats what every
reader of that file has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from markupsafe import Markup

from reports.common_factors.blocks import Block, Column
from reports.common_factors.sections import SECTIONS
from reports.drawing.templating import TEMPLATES, source_hash, write_page
from reports.drawing.wording import Row
from transforms.sql import only_row

# Every scope draws its plots; more than these would make the page slow to write and to open.
MOST_SCOPES = 24
FILE_NAME = "common-factors.html"


@dataclass(frozen=True)
class Scope:
    """Whom the numbers cover: all clinics, a group or a clinic."""

    level: str
    scope_id: str
    label: str

    @property
    def key(self) -> str:
        """Name of the scope inside the page."""
        return f"{self.level}-{self.scope_id}"


@dataclass
class Answered:
    """A block with the answer for one scope."""

    sql: str
    columns: Sequence[Column]
    rows: list[Row]
    sentences: list[Markup]
    plot: Markup | None
    benchmark_style: str
    benchmarks: list[Row] = field(default_factory=list)


def write_common_factors(public: Path, reports: Path, run_id: str) -> Path | None:
    """Write ``<reports>/<run_id>/common-factors.html`` and return its path.

    Parameters
    ----------
    public
        What outsiders may read of the run; opened read-only. None is returned when it holds no
        common-factors tables.
    """
    with duckdb.connect(str(public), read_only=True) as con:
        if not _has_tables(con):
            return None
        scopes, n_left_out = _scopes(con)
        parts = [
            (scope, [(s, [_answer(con, block, scope) for block in s.blocks]) for s in SECTIONS])
            for scope in scopes
        ]
        (extract_date,) = only_row(
            con.execute("select max(extract_date) from common_factors.cf_outcome_change")
        )
    style = _text("style.css") + _text("common_factors.css")
    script = _text("page.js") + _text("common_factors.js")
    return write_page(
        reports / run_id / FILE_NAME,
        "common_factors.html.j2",
        run_id=run_id,
        parts=parts,
        scopes=scopes,
        sections=SECTIONS,
        n_left_out=n_left_out,
        extract_date=extract_date,
        style=Markup(style),
        script=Markup(script),
        style_hash=source_hash(style),
        script_hash=source_hash(script),
    )


def answer(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries."""
    found = con.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _answer(con: duckdb.DuckDBPyConnection, block: Block, scope: Scope) -> Answered:
    sql = block.sql.format(level=_literal(scope.level), scope=_literal(scope.scope_id))
    rows = [Row(number, values) for number, values in enumerate(answer(con, sql))]
    return Answered(
        *(sql, block.columns, rows, block.say(rows), block.draw(rows)),
        block.benchmark_style,
        _distinct_benchmarks(rows),
    )


def _distinct_benchmarks(rows: list[Row]) -> list[Row]:
    found: dict[tuple[float, str], Row] = {}
    for row in rows:
        if row.get("benchmark_value") is not None and row.get("benchmark_source"):
            found.setdefault((row["benchmark_value"], row["benchmark_source"]), row)
    return list(found.values())


def _has_tables(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.execute(
        "select 1 from information_schema.tables "
        "where table_schema = 'common_factors' and table_name = 'cf_outcome_change'"
    )
    return found.fetchone() is not None


def _scopes(con: duckdb.DuckDBPyConnection) -> tuple[list[Scope], int]:
    """Return all clinics, groups of at least two clinics, then clinics, the largest first."""
    clinics = con.execute(
        """
        select c.clinic_id, coalesce(c.clinic_name, c.clinic_id), c.clinic_group
        from core.dim_clinics as c
        left join core.fct_metric_funnel as f
            on f.scope_level = 'clinic' and f.scope_id = c.clinic_id and f.line = 'treated'
        group by c.clinic_id, c.clinic_name, c.clinic_group
        order by max(f.n_episodes) desc nulls last, c.clinic_id
        """
    ).fetchall()
    sizes: dict[str, int] = {}
    for _, _, group in clinics:
        sizes[group] = sizes.get(group, 0) + 1
    scopes = [Scope("overall", "all", "All clinics")] if len(clinics) > 1 else []
    if len(sizes) > 1:
        scopes += [Scope("group", g, f"Group {g}") for g in sorted(sizes) if sizes[g] > 1]
    scopes += [Scope("clinic", clinic, label) for clinic, label, _ in clinics]
    return scopes[:MOST_SCOPES], max(0, len(scopes) - MOST_SCOPES)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
