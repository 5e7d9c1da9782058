"""Texts that nobody may send: addresses, numbers, dates of birth in free-text columns."""

from __future__ import annotations

from typing import Literal

import duckdb

from expectations.checks.check import Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from expectations.rows.delivery import Staged
from transforms.contract import TABLES, Column
from transforms.identifiers import telling
from transforms.sql import name, text

# Distinct entries of the free-text columns: (column_name, entry).
_TEXTS = "free_texts"
_TELLING = "telling_texts"  # those of them that tell who somebody is


class FreeText(Check):
    """No free-text column of the contract matches ``pattern`` (RE2).

    Attributes
    ----------
    is_telling : what tells who somebody is (`transforms.identifiers`) is refused as well
    """

    kind: Literal["free_text"]
    pattern: str
    reason: str
    is_telling: bool = False

    def findings(self, sources: Sources) -> list[Finding]:
        """Match the pattern against the distinct texts: few, and told by the Parquet dictionary."""
        delivered = rows_of(sources.staged)
        strange = f"regexp_matches(entry, {text(self.pattern)})"
        if self.is_telling:
            strange = f"({strange} or (column_name, entry) in (from {_TELLING}))"
        return [
            Finding(
                column.name,
                self.reason,
                f"select {PLACE} from {delivered} semi join strange_texts using ({key})",
                setup=f"""
                create or replace temp table strange_texts as
                select entry as {key} from {_TEXTS}
                where column_name = {text(column.name)}
                    and {strange}
                """,
                only_if="from strange_texts",
            )
            for column in _free_text_columns(sources.staged.table)
            for key in (name(column.lake_name),)
        ]


def list_texts(con: duckdb.DuckDBPyConnection, staged: Staged) -> None:
    """Make the relations of the distinct entries of free-text columns, and of what tells who."""
    each = [
        f"select distinct {text(column.name)} as column_name, {name(column.lake_name)} as entry"
        f" from {staged.relation}"
        for column in _free_text_columns(staged.table)
    ]
    nothing = "select null::varchar as column_name, null::varchar as entry limit 0"
    con.execute(f"create or replace temp table {_TEXTS} as {' union all '.join(each) or nothing}")
    con.execute(f"create or replace temp table {_TELLING} as {telling(_TEXTS)}")


def _free_text_columns(table: str) -> list[Column]:
    """Return the text columns of a table that no closed set and no registry restricts."""
    return [
        column
        for column in TABLES[table].columns
        if column.kind == "text" and not column.values and column.name != "instrument"
    ]
