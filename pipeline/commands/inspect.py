"""`rapport inspect`: one file read with a draft's guesses, and what it prints about them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from pipeline.home import Home
from pipeline.storage.configuration import read_registry
from pipeline.storage.landing import require_export
from transforms.drafting.inspect import Inspected, inspect_file


def inspect(home: Home, file: Path, clinic_id: str) -> Inspected:
    """Read one file and guess its clinic's YAML; nothing is loaded or kept.

    Raises
    ------
    ConfigError
        No such file, or not a clinic's id.
    FileRefused
        No reader can read the file.
    """
    require_export(file, clinic_id)
    # Decoded copies hold raw cells: they lie in the vault where there is one.
    folder = home.scratch if home.scratch.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="inspect-", dir=folder) as scratch,
        duckdb.connect() as con,
    ):
        registry = read_registry(home)
        return inspect_file(file, clinic_id, registry, con=con, scratch=Path(scratch))


def print_inspected(found: Inspected, file_name: str, console: Console) -> None:
    """Print the tables of a file and every guess with its reason. No cell of it is shown."""
    for place, n_rows, n_columns in found.tables:
        shown = f"{file_name}: " + ("" if place == file_name else f"{place}: ")
        console.print(f"{shown}{n_rows:,} rows, {n_columns:,} columns")
    for note in found.notes:
        console.print(f"  {note}")
    table = Table(title="\nGuesses", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("what", "guess", "confidence", "why"):
        table.add_column(column, overflow="fold")
    for one in found.guesses:
        table.add_row(one.what, one.value, one.confidence, one.reason)
    console.print(table)
    for note in found.draft.notes:
        console.print(f"To do: {note}")
