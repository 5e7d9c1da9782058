"""The `rapport` command line: which commands there are, in the order of its help."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command_line import alerts as answers
from pipeline.command_line import (
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
    *(answers.morning, answers.case, looks.trace, looks.check, looks.inspect),
    *(corrections.withdraw, corrections.erase),
    *(identities.reidentify, identities.anonymity),
    *(releases.rollback, releases.approve, releases.report, releases.regrade),
    *(upkeep.backup, upkeep.restore, upkeep.retain),
):
    app.command()(command)
app.command("rotate-key")(identities.rotate_key)
export.command("fhir")(records.export_fhir)
alerts.command("list")(answers.list_alerts)
alerts.command("acknowledge")(answers.acknowledge_alert)
alerts.command("snooze")(answers.snooze_alert)
alerts.command("close")(answers.close_alert)
audit.command("list")(records.list_audit)
audit.command("verify")(records.verify_audit)


if __name__ == "__main__":
    app()
