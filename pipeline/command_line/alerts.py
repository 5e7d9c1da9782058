"""Commands of the clinical morning: answer an alert, list what is open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.command_line.home import HomeOption, writing_in

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.storage.alert_log import Answer

KeyArgument = Annotated[str, typer.Argument(help="alert_key of process.fct_alerts.")]
WhyOption = Annotated[str, typer.Option("--why", help="Kept for good; no patient data.")]


def acknowledge_alert(
    alert_key: KeyArgument,
    by: Annotated[str, typer.Option("--by", help="Who has seen it.")],
    home: HomeOption = None,
) -> None:
    """Write down that somebody has seen an alert; the next build shows it."""
    from pipeline.storage.alert_log import Answer

    _write(home, alert_key, Answer("acknowledged", by, _now()), "Acknowledged")


def snooze_alert(
    alert_key: KeyArgument,
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
    _write(home, alert_key, Answer("snoozed", by, _now(), why, day), "Snoozed")


def close_alert(
    alert_key: KeyArgument,
    by: Annotated[str, typer.Option("--by", help="Who closes it.")],
    why: WhyOption,
    home: HomeOption = None,
) -> None:
    """Close an alert with a reason; it stays closed also where its condition goes on.

    Example: rapport alerts close 0c5f… --by "duty clinician" --why "safety plan reviewed"
    """
    from pipeline.storage.alert_log import Answer

    _write(home, alert_key, Answer("closed", by, _now(), why), "Closed")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _write(home: Path | None, alert_key: str, given: Answer, said: str) -> None:
    """Write an answer into the log, and that somebody gave one into the audit chain."""
    from pipeline.storage.alert_log import answer
    from pipeline.storage.ledger import Ledger

    with writing_in(home, f"rapport {given.command}") as place:
        kind = answer(place, alert_key, given)
        Ledger(place).note(f"alert {given.act}", kind=kind, by=given.by.strip())
    typer.echo(f"{said} ({kind}). process.fct_alerts shows it after the next build.")
