"""What every command shares: the home it works on, its lock, and refusals in their own words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.home import Home

BUSY = 3  # exit code: somebody else writes, the same may be tried again
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder with landing/ (default: RAPPORT_HOME or ./data)."),
]


@contextmanager
def refusals() -> Iterator[None]:
    """Say a refusal in its own words, without a traceback."""
    from transforms.errors import BusyError, RapportError, VaultError

    codes = {BusyError: BUSY, VaultError: 2}
    try:
        yield
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(codes.get(type(refusal), 1)) from None


@contextmanager
def writing_in(folder: Path | None, owner: str) -> Iterator[Home]:
    """Hold the home's lock while a command writes; yield the home."""
    from pipeline.storage.writer_lock import writing
    from pipeline.vault.keys import check_vault

    place = home_of(folder)
    with refusals():
        check_vault(place)  # at the door: a changed key makes nobody a new person
        with writing(place, owner):
            yield place


def asked_by(given: str) -> str:
    """Return who asks: as given, else the user here."""
    import getpass

    return given.strip() or getpass.getuser()


def home_of(folder: Path | None) -> Home:
    from pipeline.home import Home

    if folder is not None:
        os.environ["RAPPORT_HOME"] = str(folder.resolve())
    place = Home.from_environment()
    if os.environ.get("RAPPORT_KEY_VARIABLE"):  # Airflow is asked for it, and must know its home
        from pipeline.orchestration.run_locally import configure_airflow

        configure_airflow(place)
    if not (place.config / "rules.yml").is_file():
        typer.echo(
            f"{place.config}: holds no rules.yml, so it is no whole configuration. `rapport init` "
            "puts what is missing into ./config; RAPPORT_CONFIG names another folder.",
            err=True,
        )
        raise typer.Exit(2)
    return place
