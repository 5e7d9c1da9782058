"""The `rapport` command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.home import Home

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
LEFT_OUT = 4  # exit code: done, but something in landing/ was not read or fell out
BUSY = 3  # exit code: somebody else writes, the same may be tried again
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder with landing/ (default: RAPPORT_HOME or ./data)."),
]


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


@app.command()
def init() -> None:
    """Put the configuration that Rapport came with into ./config, for you to edit.

    From then on every command in this folder reads that one. Files that are there stay as they
    are; a checkout has them already. Benchmarks and detectors (config/*.csv) are part of the
    release and not copied.
    """
    from pipeline.home import copy_config

    n_copied = copy_config(Path("config"))
    typer.echo(f"config/: {n_copied} file(s) copied. Clinics go into config/clinics/.")


@app.command()
def run(home: HomeOption = None) -> None:
    """Run the night: read what is new in landing/, check it, build and publish the tables.

    Runs the Airflow DAG `nightly` in this process. Safe to repeat: a second run with nothing new
    publishes nothing. Exit code 0: done or nothing to do; 1: not published, the earlier release
    stays; 3: somebody else writes (every command that writes), nothing was changed; 4: done, but
    something was not read or fell out, as the summary says: a name in landing/, a clinic whose YAML
    is wrong, that broke off or was left out.
    """
    with _writing(home, "rapport run") as place:
        code = _night(place)
    if code:
        raise typer.Exit(code)


def _night(place: Home) -> int:
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
    told = [one for row in runs for one in read_remarks(place, row["run_id"])]
    if is_done and not all(one.waits for one in told):
        typer.echo("Not everything was read: see above, and `rapport status`.", err=True)
        return LEFT_OUT
    if state != "success":
        typer.echo(f"What Airflow said is in {log}. docs/runbook.md says what to do.", err=True)
    return 0 if state == "success" else 1


@app.command()
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

    with _writing(home, "rapport demo") as place:
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


@app.command()
def status(home: HomeOption = None) -> None:
    """Show what is published, the last runs and the files that were left out."""
    from pipeline.commands.status import print_status

    with _refusals():
        print_status(_home(home))


@app.command()
def trace(
    client: Annotated[str, typer.Option("--client", help="client_key of a published table.")],
    episode: Annotated[str | None, typer.Option("--episode", help="Only this episode_key.")] = None,
    home: HomeOption = None,
) -> None:
    """Follow one client from item to score, class, alert and table cell.

    Shows a person's answers on this terminal: the only command that does. Nothing is logged.
    """
    from rich.console import Console

    from pipeline.commands.trace import print_trace
    from pipeline.commands.trace import trace as follow
    from transforms.errors import RapportError

    try:
        found = follow(_home(home), client, episode)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
    print_trace(found, Console(highlight=False, markup=False))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="One export, as the clinic sent it.")],
    clinic: Annotated[str, typer.Option("--clinic", help="Its folder name in landing/.")],
    report: Annotated[
        Path, typer.Option("--report", help="Folder for the page and the Excel issue list.")
    ] = Path("rapport-check"),
    home: HomeOption = None,
) -> None:
    """Say what the night would say of one file, and load nothing.

    Reads and judges FILE with the night's own steps, against what is loaded already, and writes
    the same page and Excel issue list. A data dictionary is taken from beside FILE, else from
    landing/. Exit code 0: clean; 1: findings; 2: cannot be read.

    Example: rapport check ~/Downloads/responses_2026-11.csv --clinic harbor
    """
    from rich.console import Console

    from pipeline.commands.check import CANNOT_READ
    from pipeline.commands.check import check as check_file
    from pipeline.commands.check_page import print_checked
    from transforms.errors import RapportError

    try:
        checked = check_file(_home(home), file, clinic, report)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(CANNOT_READ) from None
    print_checked(checked, file.name, Console(highlight=False, markup=False))
    raise typer.Exit(checked.exit_code)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="One export, as the clinic sent it.")],
    clinic: Annotated[
        str, typer.Option("--clinic", help="Its folder name in landing/, and the YAML's name.")
    ] = "new_clinic",
    home: HomeOption = None,
) -> None:
    """Guess how to read one file, and draft the clinic's YAML.

    The draft goes to standard output, what was guessed with its reasons to the terminal. Read
    every line marked CHECK, replace every CHANGE_ME, then `rapport check`. No cell is shown.
    Exit code 0: drafted; 2: cannot be read.

    Example: rapport inspect ~/Downloads/export.csv --clinic fjord > config/clinics/fjord.yml
    """
    from rich.console import Console

    from pipeline.commands.check import CANNOT_READ
    from pipeline.commands.inspect import inspect, print_inspected
    from transforms.drafting.yaml_text import draft_text
    from transforms.errors import RapportError

    try:
        found = inspect(_home(home), file, clinic)
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(CANNOT_READ) from None
    print_inspected(found, file.name, Console(stderr=True, highlight=False, markup=False))
    typer.echo(draft_text(found.draft), nl=False)


@app.command()
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
    with _writing(home, "rapport withdraw") as place:
        done = night.withdraw(place, clinic, name, why.strip())
    typer.echo(
        f"{clinic}/{done.source_file} is withdrawn: {done.n_taken_back:,} row(s) taken back, "
        f"{done.n_restored:,} restored. The next night (`rapport run`) publishes without it."
    )


@app.command()
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
    with _writing(home, "rapport erase") as place:
        erasure = night.erase(place, clinic, client_id)
        if needs_release(place):
            _night(place)
        done = certify(place, erasure, datetime.now(UTC))
        Ledger(place).note(
            "certificate of erasure", number=done.number, clinic=done.clinic_id, run=done.release
        )
    typer.echo(certificate_text(done), nl=False)


@app.command()
def rollback(
    run_id: Annotated[str | None, typer.Argument(help="Release to go back to.")] = None,
    home: HomeOption = None,
) -> None:
    """Point readers back to an earlier release (default: the one before the published one)."""
    from pipeline.steps.publish import rollback as go_back
    from pipeline.steps.report_page import write_index
    from pipeline.storage.ledger import Ledger

    with _writing(home, "rapport rollback") as place:
        release = go_back(place, run_id)
        Ledger(place).note("rollback", run=release)
        write_index(place)
    typer.echo(f"published/analytics.duckdb is now the release of run {release}.")


@app.command()
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
    with _writing(home, "rapport approve") as place:
        os.environ["RAPPORT_CONFIG"] = str(place.config)
        try:
            night.answer_here(place, run_id, answer)
        except RapportError as refusal:
            typer.echo(str(refusal), err=True)
            raise typer.Exit(0 if reject and "was rejected" in str(refusal) else 1) from None
    typer.echo(f"Run {run_id} is published ({chosen[0]}).")


@app.command()
def report(
    run_id: Annotated[str | None, typer.Argument(help="Run; default: the published one.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the report pages of a run again from its release and print the path."""
    from pipeline.steps.report_page import rewrite_pages

    with _writing(home, "rapport report") as place:
        typer.echo(str(rewrite_pages(place, run_id)))


@app.command()
def regrade(
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of runs.")],
    home: HomeOption = None,
) -> None:
    """Grade past runs again under today's thresholds, severities and waivers.

    Changes grades and reports, from the stored counts. It does not change what was loaded,
    quarantined or rejected: that takes a new night (`rapport run`).
    """
    from pipeline.commands.regrade import regrade as grade_again
    from pipeline.storage.ledger import Ledger

    with _writing(home, "rapport regrade") as place:
        done = grade_again(place, since.date())
        Ledger(place).note("regrade", since=since.date(), changed=done.n_changed)
    typer.echo(
        f"{done.n_changed:,} of {done.n_results:,} results of {len(done.run_ids)} run(s) changed "
        "their grade. What was loaded or held back is as it was."
    )


@export.command("fhir")
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

    from pipeline.commands.export_fhir import export_fhir as write
    from pipeline.storage.ledger import Ledger
    from transforms.errors import RapportError

    try:
        place = _home(home)
        count = write(place, target, ZoneInfo(timezone) if timezone else None)
        content = hashlib.sha256(target.read_bytes()).hexdigest()
        Ledger(place).note("export", format="fhir", observations=count, sha256=content)
    except ZoneInfoNotFoundError:
        typer.echo(f"{timezone} is not a time zone. Use a name such as Europe/Berlin.", err=True)
        raise typer.Exit(1) from None
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count:,} Observations written to {target}.")


@alerts.command("acknowledge")
def acknowledge_alert(
    alert_key: Annotated[str, typer.Argument(help="alert_key of process.fct_alerts.")],
    by: Annotated[str, typer.Option("--by", help="Who has seen it.")],
    home: HomeOption = None,
) -> None:
    """Write down that somebody has seen an alert; the next build shows it."""
    from datetime import UTC, datetime

    from pipeline.storage.alert_log import acknowledge
    from pipeline.storage.ledger import Ledger

    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with _writing(home, "rapport alerts acknowledge") as place:
        kind = acknowledge(place, alert_key, by, now)
        Ledger(place).note("alert acknowledged", kind=kind, by=by.strip())
    typer.echo(f"Acknowledged ({kind}). process.fct_alerts shows it after the next build.")


@audit.command("list")
def list_audit(home: HomeOption = None) -> None:
    """Print the audit chain, oldest first: number, time (UTC), event, details.

    Runs with the version of code and configuration, files by hash, approvals, waivers,
    withdrawals, erasures, rollbacks, exports. No identifier, no name of a file, no cell.
    """
    from pipeline.storage.ledger import Ledger

    with _refusals():
        for row in Ledger(_home(home)).audit_entries():
            said = f"{row['entry']:>6}  {row['at']:%Y-%m-%d %H:%M:%S}  {row['event']:<14}"
            typer.echo(f"{said}  {row['detail']}")


@audit.command("verify")
def verify_audit(home: HomeOption = None) -> None:
    """Check that no entry of the audit chain was changed, removed, inserted or put elsewhere.

    Prints the hash of the last entry. Whoever can write to ledger.sqlite could write a whole new
    chain: note that hash where they cannot, and compare. Exit code 0: whole; 1: tampered with.

    Example: rapport audit verify
    """
    from pipeline.storage.ledger import Ledger

    with _refusals():
        ledger = Ledger(_home(home))
        rows, problems = ledger.audit_entries(), ledger.audit_problems()
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        typer.echo("The audit chain was tampered with. Compare with the back-ups.", err=True)
        raise typer.Exit(1)
    last = f"; the last is {rows[-1]['hash']}" if rows else ""
    typer.echo(f"{len(rows):,} entries, each as it was written{last}")


@contextmanager
def _refusals() -> Iterator[None]:
    """Say a refusal in its own words, without a traceback."""
    from transforms.errors import BusyError, RapportError, VaultError

    codes = {BusyError: BUSY, VaultError: 2}
    try:
        yield
    except RapportError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(codes.get(type(refusal), 1)) from None


@contextmanager
def _writing(folder: Path | None, owner: str) -> Iterator[Home]:
    """Hold the home's lock while a command writes; yield the home."""
    from pipeline.storage.writer_lock import writing
    from pipeline.vault.keys import check_vault

    place = _home(folder)
    with _refusals():
        check_vault(place)  # at the door: a changed key makes nobody a new person
        with writing(place, owner):
            yield place


def _home(folder: Path | None) -> Home:
    from pipeline.home import Home

    if folder is not None:
        os.environ["RAPPORT_HOME"] = str(folder.resolve())
    place = Home.from_environment()
    if not (place.config / "rules.yml").is_file():
        typer.echo(
            f"{place.config}: holds no rules.yml, so it is no whole configuration. `rapport init` "
            "puts what is missing into ./config; RAPPORT_CONFIG names another folder.",
            err=True,
        )
        raise typer.Exit(2)
    return place


if __name__ == "__main__":
    app()
