"""Names, texts and statements for DuckDB, and the fence around its messages.

DuckDB quotes the offending row or cell in its errors. Nothing of that may reach a log, so
statements that touch patients' rows go through `execute_quietly`.
"""

from __future__ import annotations

from itertools import count

import duckdb

from transforms.errors import RapportError

_numbers = count(1)


def name(identifier: str) -> str:
    """Quote an identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a text literal."""
    return "'" + value.replace("'", "''") + "'"


def texts(values) -> str:
    """Quote several text literals, separated by commas."""
    return ", ".join(text(value) for value in values)


def new_relation(stem: str) -> str:
    """Return a name for a temporary table that no other call returns."""
    return f"{stem}_{next(_numbers)}"


def execute_quietly(
    con: duckdb.DuckDBPyConnection, statement: str, parameters: list | None = None, *, step: str
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
