"""`rapport anonymity`: how small the groups are in which a reader could know somebody again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console

from pipeline.home import Home
from pipeline.storage.duckdb_session import duck, quoted
from pipeline.storage.roles import read_roles
from transforms.errors import NothingToDoError
from transforms.sql import name, only_row


@dataclass(frozen=True)
class Anonymity:
    """Of one combination of columns in one table of a published file.

    Attributes
    ----------
    k : rows of the smallest group that shares its values (k-anonymity, Sweeney 2002); None of none
    n_unique, n_rows : rows nobody shares the values of, and all rows
    """

    file: str
    purpose: str
    table: str
    columns: tuple[str, ...]
    k: int | None
    n_unique: int
    n_rows: int

    @property
    def share_unique(self) -> float | None:
        """Share of rows that one reader's knowledge of these columns gives away."""
        return self.n_unique / self.n_rows if self.n_rows else None


def anonymity(home: Home) -> list[Anonymity]:
    """Work out every combination of config/roles.yml in every published file that has the table.

    A missing value counts as a value: that something is unknown of somebody is known too.

    Raises
    ------
    NothingToDoError
        Nothing is published.
    """
    if not home.published.exists():
        raise NothingToDoError("anonymity: nothing is published yet. Run `rapport run`.")
    found = []
    for of, role in read_roles(home).roles.items():
        for path in _files(home.published.parent / of):
            shown = path.relative_to(home.published.parent).as_posix()
            with duck(home) as con:
                con.execute(f"attach {quoted(path.resolve())} as published (read_only)")
                for table, combinations in role.combinations.items():
                    found += [
                        Anonymity(shown, role.purpose, table, tuple(columns), *counted)
                        for columns in combinations
                        if (counted := _counted(con, table, columns))
                    ]
    return found


def print_anonymity(found: list[Anonymity], console: Console) -> None:
    """Print each file with its purpose, and a line per combination of columns."""
    shown = None
    for one in found:
        if one.file != shown:
            console.print(f"{one.file} ({one.purpose})")
            shown = one.file
        share = one.share_unique
        told = "no rows" if share is None else f"k {one.k:,}, {share:.0%} of {one.n_rows:,} unique"
        console.print(f"  {told}: {one.table} by {', '.join(one.columns)}", soft_wrap=True)
    console.print("k: the smallest group. Unique: rows that share these values with no other row.")


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.duckdb")) if path.is_dir() else [path] if path.exists() else []


def _counted(
    con: duckdb.DuckDBPyConnection, table: str, columns: list[str]
) -> tuple[int | None, int, int] | None:
    """Return k, unique rows and all rows; None where the file lacks the table or a column."""
    schema, own = table.split(".")
    has = con.execute(
        "select column_name from duckdb_columns() where database_name = 'published' "
        "and schema_name = ? and table_name = ?",
        [schema, own],
    ).fetchall()
    if not {*columns} <= {column for (column,) in has}:
        return None
    row = con.execute(
        f"""
        select min(n), count(*) filter (n = 1), coalesce(sum(n), 0)::bigint
        from (
            select count(*) as n from published.{name(schema)}.{name(own)}
            group by {", ".join(map(name, columns))}
        )
        """
    )
    k, n_unique, n_rows = only_row(row)
    return k, n_unique, n_rows
