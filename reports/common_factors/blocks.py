"""What a question of the common-factors report is made of, and what all of them say alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.drawing.figures import Bar
from reports.drawing.wording import Row


@dataclass(frozen=True)
class Column:
    """One column of the table of numbers: header and how the value is written."""

    name: str
    header: str
    style: str = "text"


@dataclass(frozen=True)
class Block:
    """One query with what is said, drawn and listed from its answer."""

    sql: str
    columns: Sequence[Column]
    say: Callable[[list[Row]], list[Markup]]
    draw: Callable[[list[Row]], Markup | None]
    benchmark_style: str = "r"


@dataclass(frozen=True)
class Section:
    """One question of the report."""

    key: str
    title: str
    question: str
    blocks: Sequence[Block]
    not_shown: Sequence[str]


TOO_FEW = Markup("{}: too few clients for a number.")
ESTIMATE = (
    Column("estimate", "Estimate", "r"),
    Column("ci_low", "from", "r"),
    Column("ci_high", "to", "r"),
)


def firm_bars(rows: list[Row], label: Callable[[Row], str], *, factor: float = 1.0) -> list[Bar]:
    """Return a bar per row that has a number."""
    return [
        Bar(
            label(row),
            row["estimate"] * factor,
            None if row["ci_low"] is None else row["ci_low"] * factor,
            None if row["ci_high"] is None else row["ci_high"] * factor,
            row.is_firm,
        )
        for row in rows
        if row.is_shown
    ]


def where_clinics_disagree(rows: list[Row], label: Callable[[Row], str]) -> list[Markup]:
    """Return a sentence that names the numbers whose sign is not the same at every clinic."""
    named = dict.fromkeys(label(row) for row in rows if row.is_shown and row["clinics_disagree"])
    if not named:
        return []
    return [
        Markup("Clinics disagree ({}): at some the number lies below no effect, at others above. "
               "Read each clinic’s own before this one.").format("; ".join(named))
    ]  # fmt: skip


def nothing(rows: list[Row], what: str) -> list[Markup]:
    """Return the sentence for a question the tables cannot answer here."""
    reasons = {row.get("not_estimable_reason") for row in rows} - {None}
    because = f" ({'; '.join(sorted(reasons))})" if reasons else ""
    text = "too few clients for a number" if rows else "nothing was measured here"
    return [Markup("{}: {}{}.").format(what, text, because)]
