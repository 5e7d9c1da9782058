"""Rules as SQL over one staged row and what it refers to.

A rule becomes a list of parts. A part is a guard (a cheap predicate over the whole row) and
faults (one predicate per column and reason); the faults are looked at only where the guard is
true, which keeps sixty item columns off the path of a healthy row. Ranges, sets, keys and
references come from the contract and the registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from expectations.checks.check import Check
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged
from transforms.contract import TABLES, Column, Table
from transforms.sql import name, text, texts

OUTSIDE = "(@ < instrument.item_min or @ > instrument.item_max)"
# The context that answers for each identifier, by its pseudonym space.
REFERENCES = {
    "client": "clients",
    "therapist": "therapists",
    "episode": "episodes",
    "session": "sessions",
}
# Answers are stored as DOUBLE: 7.3 is a tenth up to this much.
ON_STEP = 1e-6


@dataclass(frozen=True)
class Fault:
    """One way a row can break a rule: true ``where``, the clinic's column name, the reason."""

    where: str
    column: str | None
    reason: str


@dataclass(frozen=True)
class Part:
    """Faults looked at only where ``guard`` is true."""

    faults: tuple[Fault, ...]
    guard: str = "true"

    @property
    def is_broken(self) -> str:
        """SQL that is true for a row with any of the faults, never NULL."""
        some = " or ".join(f"({fault.where})" for fault in self.faults) or "false"
        if self.guard == "true":
            return f"case when {some} then true else false end"
        return (
            f"case when {self.guard} then case when {some} then true else false end else false end"
        )


def row_part(check: Check, staged: Staged, suspects: Suspects) -> Part | None:
    """Return the part of a check that one row and its context decide.

    Returns
    -------
    Part or None
        None when the table has no column the check is about; an empty Part when the check is
        decided elsewhere (`expectations.checks.findings`).
    """
    table = TABLES[staged.table]
    if check.kind == "where":
        return Part(
            tuple(Fault(without_absent(b.where, staged), b.column, b.reason) for b in check.breaks)
        )
    if check.kind == "straight_line":
        return _straight_line(staged)
    builder = _BUILDERS.get(check.kind)
    return builder(check, table, staged, suspects) if builder else Part(())


def without_absent(sql: str, staged: Staged) -> str:
    """Put NULL for items and submitted scores that the delivery has no column of."""
    return re.sub(
        r"\b(item_[0-9]+|submitted_[a-z]\w*)\b",
        lambda found: found[0] if found[0] in staged.columns else "null::double",
        sql,
    )


def with_facts(sql: str, facts: Mapping[str, str]) -> str:
    """Replace the placeholders of rules.yml by what is known about the clinic and delivery."""
    for placeholder, value in facts.items():
        sql = sql.replace(placeholder, value)
    return sql


def _required(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    return Part(
        tuple(
            # A cell that could not be read is reported as such, not as empty.
            Fault(
                f"{name(column.lake_name)} is null and not {_is_bad(column.name)}",
                column.name,
                "is empty",
            )
            for column in table.columns
            if column.required and column.lake_name != table.key
        )
    )


def _nobody(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part | None:
    if not any(column.name == "client_id" for column in table.columns):
        return None
    fault = Fault(
        _is_bad("client_id"), "client_id", "a placeholder, not the identifier of a person"
    )
    return Part((fault,), guard="bad_cells is not null")


def _client_alias(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part | None:
    if table.name in ("clients", "therapists"):
        return None
    reason = "another client of the clinic differs only in how the identifier is written"
    return Part((Fault("client.has_alias", "client_id", reason),))


def _convertible(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part | None:
    faults = tuple(
        Fault(_is_bad(column.name), column.name, f"cannot be read as {_article(column)}")
        for column in table.columns
        if column.kind not in ("text", "id")
    )
    return Part(faults, guard="bad_cells is not null") if faults else None


def _convertible_answers(_check: Check, _table: Table, staged: Staged, _suspects: Suspects) -> Part:
    faults = tuple(
        Fault(_is_bad(column), column, "is neither a number nor a declared missing code")
        for column in (*staged.items, *staged.submitted)
    )
    return Part(faults, guard="bad_cells is not null")


def _contract_range(
    _check: Check, table: Table, _staged: Staged, _suspects: Suspects
) -> Part | None:
    faults = tuple(
        Fault(
            f"{name(column.name)} not between {column.low} and {column.high}",
            column.name,
            f"outside {column.low:g} to {column.high:g}",
        )
        for column in table.columns
        if column.low is not None and column.high is not None
    )
    return Part(faults) if faults else None


def _time_of_day(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part | None:
    columns = timestamps(table)
    if not columns:
        return None
    at_midnight = (f"{column} = date_trunc('day', {column})" for column in columns)
    return Part(tuple(Fault(sql, None, "no time of day") for sql in at_midnight))


def _allowed_values(check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    column = table.column(check.column)
    reason = f"not one of: {', '.join(column.values)}"
    return Part((Fault(f"{column.name} not in ({texts(column.values)})", column.name, reason),))


def _reference(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    faults = []
    for column in table.columns:
        parent = REFERENCES.get(column.id_space)
        if column.kind != "id" or parent in (None, table.name):
            continue
        key, alias = column.lake_name, column.id_space
        faults += [
            Fault(
                f"{key} is not null and not {alias}.is_accepted",
                column.name,
                f"refers to a quarantined row of {parent}",
            ),
            Fault(
                f"{key} is not null and :knows_{parent} and {alias}.is_accepted is null",
                column.name,
                f"not found among the {parent} delivered so far",
            ),
        ]
    return Part(tuple(faults))


def _unique_key(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    return Part((Fault(f"{table.key} is null", key_column(table), "has no key"),))


def _item_range(_check: Check, _table: Table, _staged: Staged, suspects: Suspects) -> Part:
    reason = "outside the range of its instrument"
    # A missing code is reported as one (missing_codes), with another remedy.
    return _search(suspects.outside, f"{OUTSIDE} and not list_contains(:missing_codes, @)", reason)


def _missing_codes(_check: Check, _table: Table, _staged: Staged, suspects: Suspects) -> Part:
    reason = "a code for a missing answer, not declared as such"
    return _search(suspects.outside, f"{OUTSIDE} and list_contains(:missing_codes, @)", reason)


def _item_step(_check: Check, _table: Table, _staged: Staged, suspects: Suspects) -> Part:
    steps = "((@ - instrument.item_min) / instrument.item_step)"
    off_step = f"abs({steps} - round({steps})) > {ON_STEP}"
    return _search(suspects.between, off_step, "between two steps of its instrument's scale")


def _item_columns(_check: Check, _table: Table, _staged: Staged, suspects: Suspects) -> Part:
    surplus = _search(suspects.surplus, "@ is not null", "the instrument has fewer items")
    short = tuple(
        Fault(
            f"is_answered and file_id = {text(file_id)}"
            f" and instrument.number in ({_list(numbers)})",
            None,
            "the file has fewer item columns than the instrument has items",
        )
        for file_id, numbers in suspects.short.items()
    )
    return Part((*surplus.faults, *short))


def _straight_line(staged: Staged) -> Part:
    if not staged.items:
        return Part(())
    answers = ", ".join(staged.items)
    return Part(
        (
            Fault(
                f"greatest({answers}) = least({answers})"
                f" and list_count([{answers}]) >= instrument.n_items",
                None,
                "the same answer to every item, though some are worded the other way round",
            ),
        ),
        guard="instrument.n_reversed between 1 and instrument.n_items - 1",
    )


def _search(items: Mapping[str, tuple[int, ...]], where: str, reason: str) -> Part:
    """Return a part that looks at suspect items only; ``@`` stands for the item's column."""
    faults = tuple(
        Fault(
            f"instrument.number in ({_list(numbers)}) and {where.replace('@', item)}", item, reason
        )
        for item, numbers in items.items()
    )
    concerned = sorted({number for numbers in items.values() for number in numbers})
    return Part(faults, guard=f"instrument.number in ({_list(concerned)})" if faults else "true")


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def _known_instrument(_check: Check, _table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    reason = "instrument and version are not in the registry"
    return Part((Fault("instrument.the_id is null", "instrument", reason),))


def _legal_rater(_check: Check, table: Table, _staged: Staged, _suspects: Suspects) -> Part:
    raters = texts(table.column("rater").values)
    legal = f"not instrument.is_rater_legal and rater in ({raters})"
    return Part(
        (Fault(legal, "rater", "the registry has no form of the instrument for this rater"),)
    )


def key_column(table: Table) -> str:
    """Return the clinic's column to correct when the natural key is wrong."""
    own = [column.name for column in table.columns if column.lake_name == table.key]
    return own[0] if own else table.key_parts[0]


def timestamps(table: Table) -> tuple[str, ...]:
    """Return the required timestamp columns of a table."""
    return tuple(c.name for c in table.columns if c.kind == "timestamp" and c.required)


def _is_bad(column: str) -> str:
    return f"coalesce(list_contains(bad_cells, {text(column)}), false)"


def _article(column: Column) -> str:
    return {
        "integer": "a whole number",
        "boolean": "yes or no",
        "timestamp": "a date and time",
    }.get(column.kind, f"a {column.kind}")


_BUILDERS: dict[str, Callable[[Check, Table, Staged, Suspects], Part | None]] = {
    "required": _required,
    "nobody": _nobody,
    "client_alias": _client_alias,
    "convertible": _convertible,
    "convertible_answers": _convertible_answers,
    "contract_range": _contract_range,
    "time_of_day": _time_of_day,
    "allowed_values": _allowed_values,
    "reference": _reference,
    "unique_key": _unique_key,
    "item_range": _item_range,
    "missing_codes": _missing_codes,
    "item_step": _item_step,
    "item_columns": _item_columns,
    "known_instrument": _known_instrument,
    "legal_rater": _legal_rater,
}
