"""Commands that keep a home well: what is wrong, back-up and restore, what is kept how long."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, home_of, refusals, writing_in


def doctor(home: HomeOption = None) -> None:
    """Look for what is wrong with this installation, and say the command that mends each.

    Environment, configuration, permissions, disk, key, lock, clock, ledger, lake, release, what
    killed runs left, the last back-up. Changes nothing.

    Exit code 0: nothing is wrong; 1: something is.
    """
    from pipeline.commands.doctor import Finding, examine

    found = examine(home_of(home))
    for name, findings in found.items():
        for one in findings or [Finding("nothing wrong")]:
            typer.echo(f"{'✗' if one.is_wrong else '✓'} {name:<14} {one.what}")
            if one.is_wrong:
                typer.echo(f"{'':<17}→ {one.mend}")
    if any(one.is_wrong for findings in found.values() for one in findings):
        raise typer.Exit(1)


def backup(
    target: Annotated[Path, typer.Argument(help="Folder of its own, outside the home.")],
    home: HomeOption = None,
    landing: Annotated[
        bool, typer.Option(help="With the clinics' exports; they can be sent again.")
    ] = True,
) -> None:
    """Back up the home and the configuration into a folder, with the hash of every file.

    Waits for whoever writes. The same folder again copies what is new, and deletes what the home
    no longer has; broken off, give the command again. The key is never in it: keep that apart. The
    folder holds the vault's identities and is as sensitive as the home.

    Example: rapport backup /mnt/encrypted/rapport-monday
    """
    from pipeline.commands.backup import back_up

    with writing_in(home, "rapport backup") as place:
        done = back_up(place, target.resolve(), is_with_landing=landing)
    typer.echo(
        f"{done.n_files:,} file(s), {done.n_bytes / 1e6:,.1f} MB in {target}; manifest "
        f"{done.sha256}"
    )
    if done.n_still_written:
        typer.echo(f"{done.n_still_written} file(s) in landing/ still grow and are not in it.")
    typer.echo(f"The key is not in it: {done.key_fingerprint or 'there is none yet'}.")


def restore(
    source: Annotated[Path, typer.Argument(help="Folder that `rapport backup` wrote.")],
    home: HomeOption = None,
) -> None:
    """Put a back-up into an empty home, every hash verified; broken off, give it again.

    Refuses a home that holds anything else, and one whose key is another. Straight after it was
    restored, the same command mends what was lost since. The configuration stays in the back-up's
    folder config/.

    Example: rapport restore /mnt/encrypted/rapport-monday --home new-data
    """
    from pipeline.commands.restore import restore as put_back

    with refusals():
        done = put_back(source.resolve(), home_of(home))
    typer.echo(f"{done.n_files:,} file(s) verified, {done.n_copied:,} copied.")
    if done.key_fingerprint and not done.is_key_there:
        typer.echo(
            f"Put the key with the fingerprint {done.key_fingerprint} into RAPPORT_KEY or "
            "vault/key (chmod 600) before the next run."
        )
    if done.n_other_config:
        typer.echo(
            f"{done.n_other_config} file(s) of the configuration in use differ from those in "
            f"{source / 'config'}: compare them, or set RAPPORT_CONFIG."
        )


def retain(home: HomeOption = None) -> None:
    """Delete what config/retention.yml no longer wants kept: releases, work folders, logs, history.

    What is live is never deleted. The service does it every day (DAG `retention`).
    """
    from pipeline import night

    with writing_in(home, "rapport retain") as place:
        os.environ["RAPPORT_CONFIG"] = str(place.config)
        os.environ["RAPPORT_HOME"] = str(place.root)
        done = night.retain()
    said = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in done.items() if n)
    typer.echo(f"Deleted: {said or 'nothing is older than config/retention.yml says'}.")
