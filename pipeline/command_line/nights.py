"""Commands that prepare a home, run its night and say how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.command_line.home import HomeOption, home_of, refusals, writing_in

if TYPE_CHECKING:
    from pipeline.home import Home


LEFT_OUT = 4  # exit code: done, but something in landing/ was not read or fell out


def init() -> None:
    """Put the configuration that Rapport came with into ./config, for you to edit.

    From then on every command in this folder reads that one. Files that are there stay as they
    are; a checkout has them already. Benchmarks and detectors (config/*.csv) are part of the
    release and not copied.
    """
    from pipeline.home import copy_config

    n_copied = copy_config(Path("config"))
    typer.echo(f"config/: {n_copied} file(s) copied. Clinics go into config/clinics/.")


def run(home: HomeOption = None) -> None:
    """Run the night: read what is new in landing/, check it, build and publish the tables.

    Runs the Airflow DAG `nightly` in this process. Safe to repeat: a second run with nothing new
    publishes nothing. Exit code 0: done or nothing to do; 1: not published, the earlier release
    stays; 3: somebody else writes (every command that writes), nothing was changed; 4: done, but
    something was not read or fell out, as the summary says: a name in landing/, a clinic whose YAML
    is wrong, that broke off or was left out.
    """
    with writing_in(home, "rapport run") as place:
        code = print_night(place)
    if code:
        raise typer.Exit(code)


def print_night(place: Home) -> int:
    """Run a night, print its summary and return the exit code."""
    from pipeline.orchestration.run_locally import (
        configure_airflow,
        only_progress_shown,
        run_nightly,
    )
    from pipeline.steps.summary import summary_text
    from pipeline.storage.ledger import Ledger
    from pipeline.storage.remarks import read_remarks

    before = {row["run_id"] for row in Ledger(place).all_runs()}
    configure_airflow(place)
    with only_progress_shown(place) as log:
        state = run_nightly(place)
    runs = [row for row in Ledger(place).all_runs() if row["run_id"] not in before]
    for row in runs:
        typer.echo(summary_text(place, row["run_id"]), nl=False)
    is_done = bool(runs) and all(row["status"] in ("published", "nothing_new") for row in runs)
    remarks = (one for row in runs for one in read_remarks(place, row["run_id"]))
    if is_done and any(one.is_unread for one in remarks):
        typer.echo("Not everything was read: see above, and `rapport status`.", err=True)
        return LEFT_OUT
    if state != "success":
        typer.echo(f"What Airflow said is in {log}. docs/runbook.md says what to do.", err=True)
    return 0 if state == "success" else 1


def demo(
    home: HomeOption = None,
    sessions: Annotated[int, typer.Option(min=300, help="Sessions over all clinics.")] = 12_000,
    seed: Annotated[int, typer.Option(help="Same seed, same files.")] = 1,
    force: Annotated[
        bool, typer.Option(help="Write even if landing/ already holds files.")
    ] = False,
) -> None:
    """Write three made-up clinics into landing/, with planted effects and planted errors.

    What was planted is in demo/truth.json and demo/defects.json, see docs/demo.md.
    """
    from demo import generate

    with writing_in(home, "rapport demo") as place:
        place.prepare()
        if any(place.landing.iterdir()) and not force:
            typer.echo("landing/ already holds files: left alone. Use --force to write anyway.")
            return
        summary = generate(
            place.landing,
            place.root / "demo",
            n_sessions=sessions,
            seed=seed,
            troubled_files=True,
        )
        typer.echo(str(summary))


def status(home: HomeOption = None) -> None:
    """Show what is published, the last runs and the files that were left out."""
    from pipeline.commands.status import print_status

    with refusals():
        print_status(home_of(home))
