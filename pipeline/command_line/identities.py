"""Commands on who somebody is: the way back from a pseudonym, the vault's key, small groups."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, asked_by, home_of, refusals, writing_in


def reidentify(
    clinic: Annotated[str, typer.Option("--clinic", help="Its folder name in landing/.")],
    client_key: Annotated[str, typer.Option("--client-key", help="Of a published table.")],
    reason: Annotated[str, typer.Option("--reason", help="Kept for good; no patient data.")],
    by: Annotated[str, typer.Option("--by", help="Who asks; default: the user here.")] = "",
    home: HomeOption = None,
) -> None:
    """Say under which identifier a clinic sent a client: the only way back from a pseudonym.

    Who asked, when and why stands in the audit chain before anything is shown, also where nothing
    was found (`rapport audit list`). The identifier goes to this terminal and nowhere else.

    Example: rapport reidentify --clinic harbor --client-key 0c5f… --reason "risk alert, call back"
    """
    from pipeline.commands.reidentify import reidentify as find

    by, reason = asked_by(by), reason.strip()
    if not reason:
        typer.echo("reidentify: say --reason.", err=True)
        raise typer.Exit(2)
    place = home_of(home)
    with refusals():  # does not wait for a night: an alert may be urgent
        for client_id in find(place, clinic, client_key, by, reason):
            typer.echo(client_id)


def rotate_key(home: HomeOption = None) -> None:
    """Change the key of the vault and seal all of it anew; every pseudonym stays.

    A key that Rapport generated (vault/key) is replaced by another. A key from outside
    (RAPPORT_KEY, RAPPORT_KEY_FILE, RAPPORT_KEY_VARIABLE) is replaced by the one you give as
    RAPPORT_NEW_KEY, RAPPORT_NEW_KEY_FILE or RAPPORT_NEW_KEY_VARIABLE; put it in the place of the
    old one when this has ended. Broken off, both keys open the vault: give the same command again.
    The old key opens nothing afterwards but back-ups made before: destroy it with them.

    Example: RAPPORT_NEW_KEY_FILE=/run/secrets/new rapport rotate-key
    """
    from pipeline.storage.ledger import Ledger
    from pipeline.vault.rotation import rotate, take_over

    with writing_in(home, "rapport rotate-key") as place:
        Ledger(place).note("key rotation begun")
        n_before = take_over(place)
        done = rotate(place)
        Ledger(place).note("key rotation", files=done.n_files, key=done.fingerprint)
    typer.echo(
        f"The vault has a new key: {n_before + done.n_files:,} file(s) sealed anew, every "
        "pseudonym as it was. Back up the new key and vault/keyring.json; destroy the old key."
    )


def anonymity(home: HomeOption = None) -> None:
    """Say how small the groups are in which a reader of a published file could know somebody.

    For every file and combination of columns in config/roles.yml: k, the size of its smallest
    group, and the share of rows that no other row is like. Shows counts, never a value.

    Example: rapport anonymity
    """
    from rich.console import Console

    from pipeline.commands.anonymity import anonymity as work_out
    from pipeline.commands.anonymity import print_anonymity

    with refusals():
        print_anonymity(work_out(home_of(home)), Console(highlight=False, markup=False))
