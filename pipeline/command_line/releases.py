"""Commands on releases: which one is read, whether one is published, how it is graded and shown."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command_line.home import HomeOption, writing_in


def rollback(
    run_id: Annotated[str | None, typer.Argument(help="Release to go back to.")] = None,
    home: HomeOption = None,
) -> None:
    """Point readers back to an earlier release (default: the one before the published one)."""
    from pipeline.steps.publish import rollback as previous_release
    from pipeline.steps.report_page import write_index
    from pipeline.storage.ledger import Ledger

    with writing_in(home, "rapport rollback") as place:
        release = previous_release(place, run_id)
        Ledger(place).note("rollback", run=release)
        write_index(place)
    typer.echo(f"published/analytics.duckdb is now the release of run {release}.")


def approve(
    run_id: Annotated[str, typer.Argument(help="Run that waits.")],
    by: Annotated[str, typer.Option("--by", help="Who decides.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; no patient data.")],
    publish: Annotated[bool, typer.Option("--publish", help="Publish all of it.")] = False,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Publish without this clinic's new files.")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Keep yesterday's release.")] = False,
    home: HomeOption = None,
) -> None:
    """Answer a run of `rapport run` that waits for approval; who and why are kept for good."""
    from pipeline import night
    from pipeline.steps.approval import PUBLISH, REJECT, WITHOUT
    from transforms.errors import RapportError

    chosen = [
        name
        for name, is_chosen in ((PUBLISH, publish), (WITHOUT, without), (REJECT, reject))
        if is_chosen
    ]
    if len(chosen) != 1 or not by.strip() or not reason.strip():
        typer.echo("approve: give one of --publish, --without, --reject, and --by, --reason.")
        raise typer.Exit(2)
    answer = {"choice": chosen[0], "without": without or [], "by": by.strip(), "why": reason}
    with writing_in(home, "rapport approve") as place:
        os.environ["RAPPORT_CONFIG"] = str(place.config)
        try:
            night.answer_here(place, run_id, answer)
        except RapportError as refusal:
            typer.echo(str(refusal), err=True)
            raise typer.Exit(0 if reject and "was rejected" in str(refusal) else 1) from None
    typer.echo(f"Run {run_id} is published ({chosen[0]}).")


def report(
    run_id: Annotated[str | None, typer.Argument(help="Run; default: the published one.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the report pages of a run again from its release and print the path."""
    from pipeline.steps.report_page import rewrite_pages

    with writing_in(home, "rapport report") as place:
        typer.echo(str(rewrite_pages(place, run_id)))


def regrade(
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of runs.")],
    home: HomeOption = None,
) -> None:
    """Grade past runs again under today's thresholds, severities and waivers.

    Changes grades and reports, from the stored counts. It does not change what was loaded,
    quarantined or rejected: that takes a new night (`rapport run`).
    """
    from pipeline.commands.regrade import regrade as regraded
    from pipeline.storage.ledger import Ledger

    with writing_in(home, "rapport regrade") as place:
        done = regraded(place, since.date())
        Ledger(place).note("regrade", since=since.date(), changed=done.n_changed)
    typer.echo(
        f"{done.n_changed:,} of {done.n_results:,} results of {len(done.run_ids)} run(s) changed "
        "their grade. What was loaded or held back is as it was."
    )


def diff(
    config: Annotated[
        Path,
        typer.Option("--config", help="The edited copy of config/.", exists=True, file_okay=False),
    ],
    home: HomeOption = None,
) -> None:
    """Say what an edit of the configuration would change, before it is merged.

    Builds the tables of today's lake under DIR and compares with the published release: classes
    of episodes from → to, alerts by kind, numbers over all clinics old → new. Counts only.
    Publishes and keeps nothing. For what an edit does to an export's rows: `rapport check`.

    Example: cp -r config ../edited; edit there; rapport diff --config ../edited
    """
    from pipeline.commands.diff import diff as compare
    from pipeline.commands.diff import diff_text

    with writing_in(home, "rapport diff") as place:
        found = compare(place, config)
    typer.echo(diff_text(found))
