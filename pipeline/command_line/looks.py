"""Commands that look at one client or one file and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, home_of


def trace(
    client: Annotated[str, typer.Option("--client", help="client_key of a published table.")],
    episode: Annotated[str | None, typer.Option("--episode", help="Only this episode_key.")] = None,
    home: HomeOption = None,
) -> None:
    """Follow one client from item to score, class, alert and table cell.

    Shows a person's answers on this terminal: the only command that does. Nothing is logged.
    """
    from rich.console import Console

    from pipeline.commands.trace import print_trace
    from pipeline.commands.trace import trace as traced
    from transforms.errors import RapportError

    try:
        found = traced(home_of(home), client, episode)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
    print_trace(found, Console(highlight=False, markup=False))


def check(
    file: Annotated[Path, typer.Argument(help="One export, as the clinic sent it.")],
    clinic: Annotated[str, typer.Option("--clinic", help="Its folder name in landing/.")],
    report: Annotated[
        Path, typer.Option("--report", help="Folder for the page and the Excel issue list.")
    ] = Path("rapport-check"),
    home: HomeOption = None,
) -> None:
    """Say what the night would say of one file, and load nothing.

    Reads and judges FILE with the night's own steps, against what is loaded already, and writes
    the same page and Excel issue list. A data dictionary is taken from beside FILE, else from
    landing/. Exit code 0: clean; 1: findings; 2: cannot be read.

    Example: rapport check ~/Downloads/responses_2026-11.csv --clinic harbor
    """
    from rich.console import Console

    from pipeline.commands.check import CANNOT_READ
    from pipeline.commands.check import check as check_file
    from pipeline.commands.check_page import print_checked
    from transforms.errors import RapportError

    try:
        checked = check_file(home_of(home), file, clinic, report)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(CANNOT_READ) from None
    print_checked(checked, file.name, Console(highlight=False, markup=False))
    raise typer.Exit(checked.exit_code)


def inspect(
    file: Annotated[Path, typer.Argument(help="One export, as the clinic sent it.")],
    clinic: Annotated[
        str, typer.Option("--clinic", help="Its folder name in landing/, and the YAML's name.")
    ] = "new_clinic",
    home: HomeOption = None,
) -> None:
    """Guess how to read one file, and draft the clinic's YAML.

    The draft goes to standard output, what was guessed with its reasons to the terminal. Read
    every line marked CHECK, replace every CHANGE_ME, then `rapport check`. No cell is shown.
    Exit code 0: drafted; 2: cannot be read.

    Example: rapport inspect ~/Downloads/export.csv --clinic fjord > config/clinics/fjord.yml
    """
    from rich.console import Console

    from pipeline.commands.check import CANNOT_READ
    from pipeline.commands.inspect import inspect, print_inspected
    from transforms.drafting.yaml_text import draft_text
    from transforms.errors import RapportError

    try:
        found = inspect(home_of(home), file, clinic)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(CANNOT_READ) from None
    print_inspected(found, file.name, Console(stderr=True, highlight=False, markup=False))
    typer.echo(draft_text(found.draft), nl=False)
