"""One night, step by step: what the DAG's tasks and the command line both call.

Every step takes the run's id and finds the rest on disk, so that any step can run in any
process. Steps return counts only; nothing with a cell value travels between tasks.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipeline.audit.fingerprint import fingerprint
from pipeline.home import Home, keep_private
from pipeline.progress import log, say, timed
from pipeline.steps import accept as accept_step
from pipeline.steps import approval, leaving_out, notify, retention
from pipeline.steps import build as build_step
from pipeline.steps import erase as erase_step
from pipeline.steps import intake as intake_step
from pipeline.steps import judge as judge_step
from pipeline.steps import publish as publish_step
from pipeline.steps import withdraw as withdraw_step
from pipeline.steps.closing import fallen_out, require_whole
from pipeline.steps.gate import load_gate
from pipeline.steps.opening import is_stale, tidied_up, unused_run_id, waiting
from pipeline.steps.report_page import address, write_index, write_page, write_stopped_page
from pipeline.steps.role_files import write_role_files
from pipeline.steps.summary import write_summary
from pipeline.storage import leftovers, writer_lock
from pipeline.storage.configuration import write_registry, wrong_clinics
from pipeline.storage.landing import new_deliveries, read_deliveries, write_deliveries
from pipeline.storage.landing_names import look
from pipeline.storage.ledger import Ledger
from pipeline.storage.remarks import Remark, keep_remarks, read_remarks
from pipeline.storage.retention_policy import load_retention
from pipeline.storage.roles import read_roles
from pipeline.storage.waiver_tables import write_waivers_and_rules
from pipeline.vault.erased import Erasure
from transforms.errors import NothingToDoError, PromiseError, RapportError

PASSED_ON = ("run_id", "clinic_id", "choice", "without", "by", "why")
UNTOLD = ("failed", "rejected")  # how a run ends that was killed, or that nobody answered
Said = dict[str, Any]  # what one step tells the next: ids, counts, words


def step(name: str, arguments: Said | None) -> Any:
    """Call one step by name, as the DAG does, and say in one line why it could not go on.

    Parameters
    ----------
    arguments : what `open_run` gave (or a clinic's part of it); None when the run never opened.
    """
    if arguments is None:
        if name == "close_run":
            notify.tell(Home.from_environment(), [notify.unopened(_now())])
        raise NothingToDoError(f"{name}: the run was never opened. See the first step's message.")
    wanted = {key: arguments[key] for key in PASSED_ON if key in arguments}
    keep_private()
    home, run_id = Home.from_environment(), arguments.get("run_id")
    try:
        with writer_lock.step(home, run_id) as hold:
            if name == "close_run":
                hold.run_id = None  # also when it raises: the run is over
            result = STEPS[name](**wanted)
            hold.run_id = _keeps_the_lock(name, run_id, result)
            return result
    except RapportError as refusal:
        say(f"  ✗ {name}: {refusal}")
        raise
    except Exception as error:
        # Its message may hold a cell; the task's log has the trace.
        say(f"  ✗ {name}: broke off ({type(error).__name__}). Report this as a defect.")
        raise
    finally:
        if run_id:
            page = address(home, run_id)
            log(f"  page of this run, once the step `report` has written it: {page}")


def open_run() -> Said:
    """Tidy up after a killed run, find what is new, and give the night an id.

    Returns ``{"run_id", "clinics", "is_new"}``. A night is worth running when a file is new, when
    a killed night left rows that no release has, or when the configuration or the code has changed
    since the last published release.
    """
    home, now = Home.from_environment(), datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    ledger = tidied_up(home, now)
    load_gate(home)  # what cannot be read is found now, not after the build
    load_retention(home)
    read_roles(home)
    write_registry(home)
    write_waivers_and_rules(home, now.date())
    ledger.note("waivers", only_if_new=True, **_waivers(home))
    approval.write_log(home, ledger)
    run_id, state = unused_run_id(ledger, now), fingerprint(home)
    looked = look(home)
    wrong = wrong_clinics(home, looked.files)
    remarks = [*looked.remarks, *waiting(wrong, looked)]
    for remark in remarks:
        say(str(remark))
    deliveries = new_deliveries(home, ledger, now, state, looked, wrong.keys(), remarks)
    expected = {(delivery.clinic_id, delivery.file_id) for delivery in deliveries}
    set_aside = leftovers.set_aside_unknown(home, ledger, run_id, expected)
    for remark in set_aside:
        say(str(remark))
    keep_remarks(home, run_id, [*remarks, *set_aside, *_tell_at_the_start(home, ledger, now)])
    is_new = bool(deliveries) or is_stale(home, ledger, state)
    ledger.open_run(run_id, now, state)
    if not is_new:
        ledger.close_run(run_id, now, "nothing_new", "no new file, no changed configuration")
        say(f"Nothing new in {home.landing}: no release was made.")
        write_summary(home, run_id, ledger)
        write_index(home)
    else:
        write_deliveries(home, run_id, deliveries)
        n_clinics = len({delivery.clinic_id for delivery in deliveries})
        say(f"Run {run_id}: {len(deliveries)} new file(s) of {n_clinics} clinic(s)")
    clinics = sorted({delivery.clinic_id for delivery in deliveries})
    return {"run_id": run_id, "clinics": clinics, "is_new": is_new}


def _tell_at_the_start(home: Home, ledger: Ledger, now: datetime) -> list[Remark]:
    """Tell of deliveries that are late, and of an earlier run that nobody could tell of."""
    ended = [run["run_id"] for run in ledger.all_runs()[:1] if run["status"] in UNTOLD]
    notices = [notice for run_id in ended for notice in notify.of_run(home, ledger, run_id)]
    return notify.tell(home, [*notices, *notify.late(home, ledger, now)])


def intake(run_id: str, clinic_id: str) -> Said:
    """Read, map, pseudonymize and mark one clinic's new files."""
    home = Home.from_environment()
    with timed(home, run_id, "intake", clinic_id):
        deliveries = [
            delivery
            for delivery in read_deliveries(home, run_id)
            if delivery.clinic_id == clinic_id
        ]
        return intake_step.intake(home, run_id, clinic_id, deliveries)


def judge(run_id: str) -> Said:
    """Let Great Expectations judge the counts; decide which files are rejected."""
    home = Home.from_environment()
    with timed(home, run_id, "judge"):
        return judge_step.judge(home, run_id)


def accept(run_id: str) -> Said:
    """Move good rows to the lake and broken ones to quarantine; rows must balance."""
    home = Home.from_environment()
    with timed(home, run_id, "accept"):
        return accept_step.accept(home, run_id, Ledger(home), read_deliveries(home, run_id))


def build(run_id: str) -> Said:
    """Run dbt into a new file."""
    home = Home.from_environment()
    return _without_who_breaks_it(home, run_id, lambda: _build_once(home, run_id))


def audit(run_id: str) -> Said:
    """Check the marts; a broken fatal promise stops its clinic, or the night."""
    home = Home.from_environment()

    def audit_once() -> Said:
        with timed(home, run_id, "audit"):
            return judge_step.audit(home, run_id)

    return _without_who_breaks_it(home, run_id, audit_once, lambda: build(run_id))


def _build_once(home: Home, run_id: str) -> Said:
    (home.root / "dbt" / "run_results.json").unlink(missing_ok=True)
    try:
        with timed(home, run_id, "build"):
            return build_step.build(home, run_id)
    finally:
        judge_step.write_test_results(home, run_id)


def _without_who_breaks_it(
    home: Home, run_id: str, step: Callable[[], Said], again: Callable[[], object] = lambda: None
) -> Said:
    """Do the step; leave out the clinics whose rows break a promise, and do it again.

    What stops the night has its page, with promise, table, column and clinic.
    """
    while True:
        try:
            return step()
        except PromiseError as error:
            if not leaving_out.leave_out(home, run_id, error.broken):
                write_stopped_page(home, run_id, error.broken)
                raise
        again()


def report(run_id: str) -> str:
    """Write the files that are cut from the tables, this run's reports and the index over runs."""
    from reports.common_factors.page import write_common_factors

    home = Home.from_environment()
    with timed(home, run_id, "report"):
        keep_remarks(home, run_id, fallen_out(home, run_id))
        write_role_files(home)
        write_common_factors(home.building_public, home.reports, run_id)
        page = write_page(home, home.building, run_id)
        write_index(home)
        return str(page.relative_to(home.root))


def gate(run_id: str) -> Said:
    """Judge whether a person must be asked before this build is published."""
    home = Home.from_environment()
    with timed(home, run_id, "gate"):
        asked = approval.ask(home, Ledger(home), run_id)
        if asked["is_asked"]:
            _tell(home, run_id, notify.of_run(home, Ledger(home), run_id))
        return asked


def decide(run_id: str, *, choice: str, without: list[str], by: str, why: str) -> Said:
    """Carry out what a person decided; build again when a clinic is left out."""
    home = Home.from_environment()
    if approval.decide(home, Ledger(home), run_id, choice=choice, clinics=without, by=by, why=why):
        build(run_id)
        audit(run_id)
        report(run_id)
    return {"run_id": run_id, "choice": choice}


def publish(run_id: str) -> Said:
    """Switch analysts to the new file."""
    home = Home.from_environment()
    with timed(home, run_id, "publish"):
        release = publish_step.publish(home, run_id)
        Ledger(home).close_run(run_id, _now(), "published")
        write_index(home)
        return {"run_id": run_id, "megabytes": round(release.stat().st_size / 1e6, 1)}


def close_run(run_id: str) -> Said:
    """Write the summary; raise BuildError when the night did not publish or a clinic fell out."""
    home, ledger = Home.from_environment(), Ledger(Home.from_environment())
    status = ledger.run(run_id)["status"]
    if status == "running":
        ledger.close_run(run_id, _now(), "failed", "a step failed; see its log")
    keep_remarks(home, run_id, fallen_out(home, run_id))
    _tell(home, run_id, notify.of_run(home, ledger, run_id, _n_clinics(home, run_id)))
    write_summary(home, run_id, ledger)
    write_index(home)
    for folder in ("staged", "scores", "marks"):
        shutil.rmtree(home.work(run_id) / folder, ignore_errors=True)
    require_whole(home, run_id, status)
    return {"run_id": run_id, "status": "published"}


def _n_clinics(home: Home, run_id: str) -> int:
    """Return how many clinics the run's remarks name: a wrong YAML, broke off, or left out."""
    return sum(bool(one.clinic) for one in read_remarks(home, run_id))


def _tell(home: Home, run_id: str, notices: list[notify.Notice]) -> None:
    """Tell somebody; a channel that failed is said on the run's page, which lies there already."""
    if failed := notify.tell(home, notices):
        keep_remarks(home, run_id, failed)
        for analytics in (home.release(run_id), home.building):
            if analytics.exists():
                write_page(home, analytics, run_id)
                return


def answer_here(home: Home, run_id: str, answer: Said) -> None:
    """Answer the newest run, which waits, and publish it in this process.

    Raises NothingToDoError when another run has taken its place: its build is gone.
    """
    newest = Ledger(home).all_runs()[:1]
    if not newest or newest[0]["run_id"] != run_id:
        raise NothingToDoError(
            f"approve: run {run_id} is not the newest run. See `rapport status`."
        )
    decide(run_id, **answer)
    publish(run_id)
    close_run(run_id)


def _keeps_the_lock(name: str, run_id: str | None, result: Any) -> str | None:
    """Return the run that goes on writing after a step; None where it ends or waits."""
    if name == "open_run":
        return str(result["run_id"]) if result["is_new"] else None
    is_over = name == "close_run" or (name == "gate" and result["is_asked"])
    return None if is_over else run_id


def retain() -> dict[str, int]:
    """Delete what config/retention.yml no longer wants kept; return how much of what."""
    home = Home.from_environment()
    return retention.retain(home, Ledger(home), _now())


def watch() -> int:
    """Tell of deliveries that are late, between two nights; return how many. Changes nothing."""
    keep_private()
    home = Home.from_environment()
    if not home.ledger.exists():
        return 0
    notices = notify.late(home, Ledger(home), _now())
    notify.tell(home, notices)
    return len(notices)


def withdraw(home: Home, clinic_id: str, name: str, why: str) -> withdraw_step.Withdrawal:
    """Take back a file sent in error; a run that waits for approval is rejected by it."""
    now = _now()
    ledger = tidied_up(home, now)
    file = withdraw_step.find(ledger, clinic_id, name)
    return withdraw_step.withdraw(home, ledger, file, why, unused_run_id(ledger, now), now)


def erase(home: Home, clinic_id: str, client_id: str) -> Erasure:
    """Take a person out of everything but landing/; a night and `erase.certify` come after."""
    ledger = tidied_up(home, _now())
    erasure = erase_step.begin(home, ledger, clinic_id, client_id)
    erase_step.purge(home, ledger, erasure)
    return erasure


def _waivers(home: Home) -> dict[str, str]:
    path = home.config / "waivers.yml"
    content = path.read_bytes() if path.exists() else b""
    return {"sha256": hashlib.sha256(content).hexdigest()}


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


STEPS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        open_run,
        intake,
        judge,
        accept,
        build,
        audit,
        report,
        gate,
        decide,
        publish,
        close_run,
        retain,
    )
}
