"""A row against the contract of its table: filled, readable, in range, of a closed set, referring.

Nothing of it is written in the rule: a new column of the contract is checked without one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from expectations.checks.check import Check
from expectations.checks.finding import Fault, Part, is_bad
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged
from transforms.contract import TABLES, Column
from transforms.sql import name, texts

# The context that answers for each identifier, by its pseudonym space.
REFERENCES = {
    "client": "clients",
    "therapist": "therapists",
    "episode": "episodes",
    "session": "sessions",
}


class Required(Check):
    """Every required column is filled."""

    kind: Literal["required"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """A cell that could not be read is reported as such, not as empty."""
        table = TABLES[staged.table]
        return Part(
            tuple(
                Fault(
                    f"{name(column.lake_name)} is null and not {is_bad(column.name)}",
                    column.name,
                    "is empty",
                )
                for column in table.columns
                if column.required and column.lake_name != table.key
            )
        )


class Nobody(Check):
    """A client's identifier is no placeholder such as UNKNOWN or TEST."""

    kind: Literal["nobody"]

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        if not any(column.name == "client_id" for column in TABLES[staged.table].columns):
            return None
        reason = "a placeholder, not the identifier of a person"
        fault = Fault(is_bad("client_id"), "client_id", reason)
        return Part((fault,), guard="bad_cells is not null")


class ClientAlias(Check):
    """No two clients of a clinic differ only in how their identifier is written."""

    kind: Literal["client_alias"]

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        if staged.table in ("clients", "therapists"):
            return None
        reason = "another client of the clinic differs only in how the identifier is written"
        return Part((Fault("client.has_alias", "client_id", reason),))


class Convertible(Check):
    """Every cell can be read as what its column holds."""

    kind: Literal["convertible"]

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        faults = tuple(
            Fault(is_bad(column.name), column.name, f"cannot be read as {_article(column)}")
            for column in TABLES[staged.table].columns
            if column.kind not in ("text", "id")
        )
        return Part(faults, guard="bad_cells is not null") if faults else None


class ContractRange(Check):
    """Numbers lie in the range that the contract declares for their column."""

    kind: Literal["contract_range"]

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        faults = tuple(
            Fault(
                f"{name(column.name)} not between {column.low} and {column.high}",
                column.name,
                f"outside {column.low:g} to {column.high:g}",
            )
            for column in TABLES[staged.table].columns
            if column.low is not None and column.high is not None
        )
        return Part(faults) if faults else None


class TimeOfDay(Check):
    """Required timestamps have a time of day."""

    kind: Literal["time_of_day"]

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        """Midnight is what a date without time becomes."""
        faults = tuple(
            Fault(f"{column.name} = date_trunc('day', {column.name})", None, "no time of day")
            for column in TABLES[staged.table].columns
            if column.kind == "timestamp" and column.required
        )
        return Part(faults) if faults else None


class AllowedValues(Check):
    """A column keeps to the closed set that the contract declares for it."""

    kind: Literal["allowed_values"]
    column: str
    needs_closed_set: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        column = TABLES[staged.table].column(self.column)
        reason = f"not one of: {', '.join(column.values)}"
        return Part((Fault(f"{column.name} not in ({texts(column.values)})", column.name, reason),))


class Reference(Check):
    """What a row refers to was delivered, and not quarantined."""

    kind: Literal["reference"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """Nothing is missed among tables that the clinic has never delivered."""
        faults = []
        for column in TABLES[staged.table].columns:
            parent = REFERENCES.get(column.id_space)
            if column.kind != "id" or parent in (None, staged.table):
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


def _article(column: Column) -> str:
    return {
        "integer": "a whole number",
        "boolean": "yes or no",
        "timestamp": "a date and time",
    }.get(column.kind, f"a {column.kind}")
