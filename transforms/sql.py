"""Names, texts and statements for DuckDB, and the fence around its messages.

DuckDB quotes the offending row or cell in its errors. Nothing of that may reach a log, so
statements that touch patients' rows go through `execute_quietly`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any, Protocol

import duckdb

from transforms.errors import RapportError

_numbers = count(1)


def name(identifier: str) -> str:
    """Quote an identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a text literal."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Quote several text literals, separated by commas."""
    return ", ".join(text(value) for value in values)


def new_relation(stem: str) -> str:
    """Return a name for a temporary table that no other call returns."""
    return f"{stem}_{next(_numbers)}"


class Result(Protocol):
    """What a statement gave; DuckDB's connections and relations are one."""

    def fetchone(self) -> tuple[Any, ...] | None: ...


def only_row(result: Result) -> tuple[Any, ...]:
    """Return the row of a statement that always has one, such as a count."""
    row = result.fetchone()
    if row is None:
        raise ValueError("the statement gave no row; a count or another aggregate gives one")
    return row


def records(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of an executed query as dictionaries, by the names of its columns."""
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def execute_quietly(
    con: duckdb.DuckDBPyConnection,
    statement: str,
    parameters: list[Any] | None = None,
    *,
    step: str,
) -> duckdb.DuckDBPyConnection:
    """Run ``statement``; on failure name the step and the kind of error, never its message.

    Disk and memory errors pass unchanged: they quote no row and may be retried.
    """
    failure = ""
    try:
        return con.execute(statement, parameters or [])
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as error:
        failure = type(error).__name__
    # Raised outside the handler: inside it, Python would chain DuckDB's message to ours.
    raise RapportError(f"{step}: DuckDB could not do it ({failure}). Please report this file")
