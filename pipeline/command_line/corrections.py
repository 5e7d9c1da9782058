"""Commands that take back what should not be here: a file, a person."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, writing_in
from pipeline.command_line.nights import print_night


def withdraw(
    file: Annotated[
        str, typer.Argument(help="File below landing/<clinic>/, clinic/file, or its file_id.")
    ],
    why: Annotated[str, typer.Option("--why", help="Kept for good; no patient data.")],
    clinic: Annotated[str | None, typer.Option("--clinic", help="Its folder in landing/.")] = None,
    home: HomeOption = None,
) -> None:
    """Take back a file that was sent in error: what it had replaced is current again.

    Rows that a later file only repeated come back under that file; rows of it held back are
    forgotten. The next night publishes without it, also when nothing new came. What was known on
    an earlier date stays what it was. The same content may be sent again under a new name. Safe to
    repeat after it broke off.

    Example: rapport withdraw responses_2026-11.csv --clinic harbor --why "test export"
    """
    from pipeline import night

    name = file.replace("\\", "/").split("landing/")[-1]
    if clinic is None:
        clinic, _, name = name.partition("/")
    if not name or not why.strip():
        typer.echo("withdraw: name the file as clinic/file (or --clinic), and say --why.", err=True)
        raise typer.Exit(2)
    with writing_in(home, "rapport withdraw") as place:
        done = night.withdraw(place, clinic, name, why.strip())
    typer.echo(
        f"{clinic}/{done.source_file} is withdrawn: {done.n_taken_back:,} row(s) taken back, "
        f"{done.n_restored:,} restored. The next night (`rapport run`) publishes without it."
    )


def erase(
    client_id: Annotated[
        str,
        typer.Option("--client-id", help="Exactly as the clinic's export has it; - asks for it."),
    ],
    clinic: Annotated[str, typer.Option("--clinic", help="Its folder name in landing/.")],
    home: HomeOption = None,
) -> None:
    """Erase one person, publish anew, prove by a search that nothing is left, and say so.

    Goes from vault, lake, quarantine, counts, releases, pages and logs; earlier releases are
    dropped, since their difference from the new one would show this person's scores. The person is
    kept out of every later delivery. Files in landing/ are the clinic's: those that still hold the
    identifier are named, for the clinic to delete. Clinics of one group share people, and the
    person goes from all of them. Safe to repeat after it broke off.

    Exit code 0: the certificate is printed; 1: not finished, give the same command again.

    Example: rapport erase --clinic harbor --client-id C-10423
    """
    from datetime import UTC, datetime

    from pipeline import night
    from pipeline.commands.certificate import certificate_text
    from pipeline.steps.erase import certify, needs_release
    from pipeline.storage.ledger import Ledger

    if client_id == "-":  # what stands in a command is seen in the list of processes
        client_id = typer.prompt("Identifier", hide_input=True)
    with writing_in(home, "rapport erase") as place:
        erasure = night.erase(place, clinic, client_id)
        if needs_release(place):
            print_night(place)
        done = certify(place, erasure, datetime.now(UTC))
        Ledger(place).note(
            "certificate of erasure", number=done.number, clinic=done.clinic_id, run=done.release
        )
    typer.echo(certificate_text(done), nl=False)
