"""Commands of the clinical morning: whom to look at, one client's course, answering an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.command_line.home import HomeOption, asked_by, home_of, refusals, writing_in

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.storage.alert_log import Answer

KeyArgument = Annotated[list[str], typer.Argument(help="alert_key of process.fct_alerts.")]
ByOption = Annotated[str, typer.Option("--by", help="Who reads it; default: the user here.")]
WhyOption = Annotated[str, typer.Option("--why", help="Kept for good; no patient data.")]


def morning(
    therapist: Annotated[
        str | None, typer.Option("--therapist", help="therapist_key: only this list.")
    ] = None,
    supervisor: Annotated[
        str | None, typer.Option("--supervisor", help="A name in config/morning.yml.")
    ] = None,
    by: ByOption = "",
    home: HomeOption = None,
) -> None:
    """Say whom to look at this morning: at most what a person can act on, risk first.

    Writes a page per therapist into vault/pages/morning/, which names clients by the clinic's own
    identifiers. Without an option only counts are printed; with one the lists are. Each list stands
    in the audit chain before it is shown (`rapport audit list`). config/morning.yml has the budget.

    Example: rapport morning --supervisor "north team"
    """
    from rich.console import Console

    from pipeline.commands.morning import morning as lists_of
    from pipeline.commands.morning import print_counts, print_list

    place, console = home_of(home), Console(highlight=False, markup=False, soft_wrap=True)
    with refusals():  # does not wait for a night: an alert may be urgent
        lists = lists_of(place, date.today(), asked_by(by), therapist, supervisor)
    if therapist or supervisor:
        for one in lists:
            print_list(one, console)
    print_counts(lists, console)
    console.print("Pages: vault/pages/morning/. They name clients: send and copy none of them.")


def case(
    client: Annotated[str, typer.Option("--client", help="client_key of a published table.")],
    by: ByOption = "",
    home: HomeOption = None,
) -> None:
    """Write one client's course as a page in the vault: alliance, outcome, ruptures, alerts.

    Every number stands with its file and line. The page names the client, so that somebody read it
    stands in the audit chain first. It lies in vault/pages/case/; send and copy it nowhere.

    Example: rapport case --client 0c5f…
    """
    from pipeline.commands.case import write_case

    place = home_of(home)
    with refusals():
        page = write_case(place, client, asked_by(by))
    typer.echo(str(page))


def list_alerts(
    therapist: Annotated[
        str | None, typer.Option("--therapist", help="therapist_key: only these.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """List what nobody has answered yet: alert, kind, since when, client; pseudonyms only.

    Example: rapport alerts list --therapist 0c5f…
    """
    from pipeline.commands.morning import waiting

    with refusals():
        rows = waiting(home_of(home), date.today(), therapist)
    for row in rows:
        said = f"{row['alert_key']}  {row['concern']:<16}  {row['raised_at']:%Y-%m-%d}"
        typer.echo(f"{said}  client {row['client_key']}")
    typer.echo(f"{len(rows):,} alert(s) nobody has answered.")


def acknowledge_alert(
    alert_keys: KeyArgument,
    by: Annotated[str, typer.Option("--by", help="Who has seen it.")],
    home: HomeOption = None,
) -> None:
    """Write down that somebody has seen an alert; the next build shows it."""
    from pipeline.storage.alert_log import Answer

    _write(home, alert_keys, Answer("acknowledged", by, _now()), "Acknowledged")


def snooze_alert(
    alert_keys: KeyArgument,
    until: Annotated[str, typer.Option("--until", help="The day it comes back, 2026-12-31.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    why: WhyOption,
    home: HomeOption = None,
) -> None:
    """Put an alert off until a day; from that day on it is open again.

    Example: rapport alerts snooze 0c5f… --until 2026-12-31 --by "duty clinician" --why "on leave"
    """
    from pipeline.storage.alert_log import Answer

    try:
        day = date.fromisoformat(until)
    except ValueError:
        typer.echo("alerts snooze: --until is no day such as 2026-12-31.", err=True)
        raise typer.Exit(2) from None
    _write(home, alert_keys, Answer("snoozed", by, _now(), why, day), "Snoozed")


def close_alert(
    alert_keys: KeyArgument,
    by: Annotated[str, typer.Option("--by", help="Who closes it.")],
    why: WhyOption,
    home: HomeOption = None,
) -> None:
    """Close an alert with a reason; it stays closed also where its condition goes on.

    Example: rapport alerts close 0c5f… --by "duty clinician" --why "safety plan reviewed"
    """
    from pipeline.storage.alert_log import Answer

    _write(home, alert_keys, Answer("closed", by, _now(), why), "Closed")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _write(home: Path | None, alert_keys: list[str], given: Answer, said: str) -> None:
    """Write an answer into the log for each alert, and that somebody gave it into the audit chain.

    Those before one that is refused are answered.
    """
    from pipeline.storage.alert_log import answer
    from pipeline.storage.ledger import Ledger

    with writing_in(home, f"rapport {given.command}") as place:
        for alert_key in alert_keys:
            kind = answer(place, alert_key, given)
            Ledger(place).note(f"alert {given.act}", kind=kind, by=given.by.strip())
            typer.echo(f"{said} ({kind}). process.fct_alerts shows it after the next build.")
