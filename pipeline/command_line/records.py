"""Commands on what is kept beside the tables: scores for other systems, the audit chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, home_of, refusals


def export_fhir(
    target: Annotated[Path, typer.Argument(help="NDJSON file to write, one Observation a line.")],
    home: HomeOption = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Zone of the clinics' times, e.g. Europe/Berlin. Without it: dates only."
        ),
    ] = None,
) -> None:
    """Write the published scores as FHIR R4 Observations, people as pseudonyms."""
    import hashlib
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from pipeline.commands.export_fhir import export_fhir as write_fhir
    from pipeline.storage.ledger import Ledger
    from transforms.errors import RapportError

    try:
        place = home_of(home)
        count = write_fhir(place, target, ZoneInfo(timezone) if timezone else None)
        content = hashlib.sha256(target.read_bytes()).hexdigest()
        Ledger(place).note("export", format="fhir", observations=count, sha256=content)
    except ZoneInfoNotFoundError:
        typer.echo(f"{timezone} is not a time zone. Use a name such as Europe/Berlin.", err=True)
        raise typer.Exit(1) from None
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count:,} Observations written to {target}.")


def list_audit(home: HomeOption = None) -> None:
    """Print the audit chain, oldest first: number, time (UTC), event, details.

    Runs with the version of code and configuration, files by hash, approvals, waivers,
    withdrawals, erasures, re-identifications, rotated keys, rollbacks, exports. No identifier, no
    name of a file, no cell.
    """
    from pipeline.storage.ledger import Ledger

    with refusals():
        for row in Ledger(home_of(home)).audit_entries():
            said = f"{row['entry']:>6}  {row['at']:%Y-%m-%d %H:%M:%S}  {row['event']:<14}"
            typer.echo(f"{said}  {row['detail']}")


def verify_audit(home: HomeOption = None) -> None:
    """Check that no entry of the audit chain was changed, removed, inserted or put elsewhere.

    Prints the hash of the last entry. Whoever can write to ledger.sqlite could write a whole new
    chain: note that hash where they cannot, and compare. Exit code 0: whole; 1: tampered with.

    Example: rapport audit verify
    """
    from pipeline.storage.ledger import Ledger

    with refusals():
        ledger = Ledger(home_of(home))
        rows, problems = ledger.audit_entries(), ledger.audit_problems()
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        typer.echo("The audit chain was tampered with. Compare with the back-ups.", err=True)
        raise typer.Exit(1)
    last = f"; the last is {rows[-1]['hash']}" if rows else ""
    typer.echo(f"{len(rows):,} entries, each as it was written{last}")
