"""The `rapport` command line: which commands there are, in the order of its help."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command_line import alerts as alert_commands
from pipeline.command_line import (
    answers,
    corrections,
    identities,
    looks,
    nights,
    records,
    releases,
    upkeep,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="""Measurement-based care, every night: exports in, common-factors tables out.

    RAPPORT_HOME (default ./data) holds everything: put each clinic's exports into
    landing/<clinic>/ and run `rapport run`. Start reading at reports/index.html; analysts open
    published/analytics.duckdb.""",
)
export = typer.Typer(no_args_is_help=True, help="Published scores for other systems.")
app.add_typer(export, name="export")
audit = typer.Typer(
    no_args_is_help=True, help="What was done here, in a chain that shows tampering."
)
app.add_typer(audit, name="audit")
alerts = typer.Typer(no_args_is_help=True, help="Alerts for the next clinical morning.")
app.add_typer(alerts, name="alerts")
answer = typer.Typer(
    cls=answers.RegisterUnlessNamed,
    no_args_is_help=True,
    help="Figures that can be rebuilt: register a query's answer, verify it.",
)
app.add_typer(answer, name="answer")


def _print_version(is_asked: bool) -> None:
    from importlib.metadata import version

    if is_asked:
        typer.echo(f"rapport {version('rapport')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Options of `rapport` itself; its help is the one given to `app`."""
    from pipeline.home import keep_private

    keep_private()


for command in (
    *(nights.init, nights.run, nights.demo, nights.status, upkeep.doctor),
    *(alert_commands.morning, alert_commands.case, looks.trace, looks.check, looks.inspect),
    *(corrections.withdraw, corrections.erase),
    *(identities.reidentify, identities.anonymity),
    *(releases.rollback, releases.approve, releases.report, releases.regrade, releases.diff),
    *(upkeep.backup, upkeep.restore, upkeep.retain),
):
    app.command()(command)
app.command("rotate-key")(identities.rotate_key)
answer.command("register")(answers.register)
answer.command("verify")(answers.verify)
export.command("fhir")(records.export_fhir)
alerts.command("list")(alert_commands.list_alerts)
alerts.command("acknowledge")(alert_commands.acknowledge_alert)
alerts.command("snooze")(alert_commands.snooze_alert)
alerts.command("close")(alert_commands.close_alert)
audit.command("list")(records.list_audit)
audit.command("verify")(records.verify_audit)


if __name__ == "__main__":
    app()
