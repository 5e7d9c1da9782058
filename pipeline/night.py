"""One night, step by step: what the DAG's tasks and the command line both call.

Every step takes the run's id and finds the rest on disk, so that any step can run in any
process. Steps return counts only; nothing with a cell value travels between tasks.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.audit.fingerprint import fingerprint
from pipeline.home import Home, keep_private
from pipeline.progress import log, say, timed
from pipeline.steps import accept as accepting
from pipeline.steps import approval, leaving_out
from pipeline.steps import build as building
from pipeline.steps import erase as erasing
from pipeline.steps import intake as taking_in
from pipeline.steps import judge as judging
from pipeline.steps import publish as publishing
from pipeline.steps import withdraw as withdrawing
from pipeline.steps.gate import load_gate
from pipeline.steps.public_file import write_public
from pipeline.steps.report_page import address, write_index, write_page, write_stopped_page
from pipeline.steps.role_files import write_role_files
from pipeline.steps.summary import write_summary
from pipeline.storage import lake, leftovers, writer_lock
from pipeline.storage.configuration import write_registry, wrong_clinics
from pipeline.storage.landing import Delivery, new_deliveries
from pipeline.storage.landing_names import Looked, look
from pipeline.storage.ledger import RUN_ID, Ledger
from pipeline.storage.remarks import Remark, keep_remarks, read_remarks
from pipeline.storage.waiver_tables import write_waivers_and_rules
from pipeline.vault.erased import Erasure
from pipeline.vault.keys import master_key, sweep_scratch
from transforms.errors import BuildError, NothingToDoError, PromiseError, RapportError
from transforms.formats.source import plural

PASSED_ON = ("run_id", "clinic_id", "choice", "without", "by", "why")
Said = dict[str, Any]  # what one step tells the next: ids, counts, words


def step(name: str, arguments: Said | None) -> Any:
    """Call one step by name, as the DAG does, and say in one line why it could not go on.

    Parameters
    ----------
    arguments : what `open_run` gave (or a clinic's part of it); None when the run never opened.
    """
    if arguments is None:
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
    ledger = _tidied_up(home, now)
    load_gate(home)  # a gate that cannot be read is found now, not after the build
    write_registry(home)
    write_waivers_and_rules(home, now.date())
    ledger.note("waivers", only_if_new=True, **_waivers(home))
    approval.write_log(home, ledger)
    run_id, state = _unused_run_id(ledger, now), fingerprint(home)
    looked = look(home)
    wrong = wrong_clinics(home, looked.files)
    remarks = [*looked.remarks, *_waiting(wrong, looked)]
    for remark in remarks:
        say(str(remark))
    deliveries = new_deliveries(home, ledger, now, state, looked, wrong.keys(), remarks)
    expected = {(delivery.clinic_id, delivery.file_id) for delivery in deliveries}
    set_aside = leftovers.set_aside_unknown(home, ledger, run_id, expected)
    for remark in set_aside:
        say(str(remark))
    keep_remarks(home, run_id, [*remarks, *set_aside])
    is_new = bool(deliveries) or _is_stale(home, ledger, state)
    ledger.open_run(run_id, now, state)
    if not is_new:
        ledger.close_run(run_id, now, "nothing_new", "no new file, no changed configuration")
        say(f"Nothing new in {home.landing}: no release was made.")
        write_summary(home, run_id, ledger)
        write_index(home)
    else:
        _write_deliveries(home, run_id, deliveries)
        n_clinics = len({delivery.clinic_id for delivery in deliveries})
        say(f"Run {run_id}: {len(deliveries)} new file(s) of {n_clinics} clinic(s)")
    clinics = sorted({delivery.clinic_id for delivery in deliveries})
    return {"run_id": run_id, "clinics": clinics, "is_new": is_new}


def _waiting(wrong: Mapping[str, str], looked: Looked) -> list[Remark]:
    """Return a remark for each clinic that waits for a right YAML; the others go on."""
    return [
        Remark(
            f"clinic {clinic_id}",
            f"its YAML is wrong, so {plural(len(looked.files[clinic_id]), 'file')} of it wait. "
            f"{error}",
        )
        for clinic_id, error in sorted(wrong.items())
    ]


def intake(run_id: str, clinic_id: str) -> Said:
    """Read, map, pseudonymize and mark one clinic's new files."""
    home = Home.from_environment()
    with timed(home, run_id, "intake", clinic_id):
        deliveries = [
            delivery
            for delivery in read_deliveries(home, run_id)
            if delivery.clinic_id == clinic_id
        ]
        return taking_in.intake(home, run_id, clinic_id, deliveries)


def judge(run_id: str) -> Said:
    """Let Great Expectations judge the counts; decide which files are rejected."""
    home = Home.from_environment()
    with timed(home, run_id, "judge"):
        return judging.judge(home, run_id)


def accept(run_id: str) -> Said:
    """Move good rows to the lake and broken ones to quarantine; rows must balance."""
    home = Home.from_environment()
    with timed(home, run_id, "accept"):
        return accepting.accept(home, run_id, Ledger(home), read_deliveries(home, run_id))


def build(run_id: str) -> Said:
    """Run dbt into a new file."""
    home = Home.from_environment()
    return _without_who_breaks_it(home, run_id, lambda: _build_once(home, run_id))


def audit(run_id: str) -> Said:
    """Check the marts; a broken fatal promise stops its clinic, or the night."""
    home = Home.from_environment()

    def audit_once() -> Said:
        with timed(home, run_id, "audit"):
            return judging.audit(home, run_id)

    return _without_who_breaks_it(home, run_id, audit_once, lambda: build(run_id))


def _build_once(home: Home, run_id: str) -> Said:
    (home.root / "dbt" / "run_results.json").unlink(missing_ok=True)
    try:
        with timed(home, run_id, "build"):
            return building.build(home, run_id)
    finally:
        judging.write_test_results(home, run_id)


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
        keep_remarks(home, run_id, _fallen_out(home, run_id))
        write_public(home, run_id)
        write_role_files(home)
        write_common_factors(home.building_public, home.reports, run_id)
        page = write_page(home, home.building, run_id)
        write_index(home)
        return str(page.relative_to(home.root))


def gate(run_id: str) -> Said:
    """Judge whether a person must be asked before this build is published."""
    home = Home.from_environment()
    with timed(home, run_id, "gate"):
        return approval.ask(home, Ledger(home), run_id)


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
        release = publishing.publish(home, run_id)
        Ledger(home).close_run(run_id, _now(), "published")
        write_index(home)
        return {"run_id": run_id, "megabytes": round(release.stat().st_size / 1e6, 1)}


def close_run(run_id: str) -> Said:
    """Write the summary; raise BuildError when the night did not publish or a clinic fell out."""
    home, ledger = Home.from_environment(), Ledger(Home.from_environment())
    status = ledger.run(run_id)["status"]
    if status == "running":
        ledger.close_run(run_id, _now(), "failed", "a step failed; see its log")
    unread = _clinics_without_result(home, run_id)
    out = leaving_out.left_out(home, run_id)
    keep_remarks(home, run_id, _fallen_out(home, run_id))
    write_summary(home, run_id, ledger)
    write_index(home)
    for folder in ("staged", "scores", "marks"):
        shutil.rmtree(home.work(run_id) / folder, ignore_errors=True)
    if status == "waiting":
        raise BuildError(
            f"run {run_id}: waits for approval; yesterday's release stays. Read its report, then "
            f"run `rapport approve {run_id} --publish` (or --without CLINIC, or --reject) "
            "with --by WHO --reason WHY. The next run rejects what nobody answered."
        )
    if status != "published":
        raise BuildError(
            f"run {run_id}: not published, yesterday's release stays. "
            "See the first failed step's message and docs/runbook.md."
        )
    if unread:
        raise BuildError(
            f"run {run_id}: published without {len(unread)} clinic(s) whose intake broke off: "
            f"{', '.join(unread)}. Their files are read again next time; report this as a defect."
        )
    if out:
        raise BuildError(
            f"run {run_id}: published without {len(out)} clinic(s) whose rows break a promise of "
            f"the tables: {', '.join(out)}. Their files are read again next time; the run's page "
            "says which promise. Report it as a defect."
        )
    # Who broke off or was left out was raised above.
    if wrong := [one for one in read_remarks(home, run_id) if one.where.startswith("clinic ")]:
        names = ", ".join(one.where.removeprefix("clinic ") for one in wrong)
        raise BuildError(
            f"run {run_id}: published without what {len(wrong)} clinic(s) sent, whose YAML is "
            f"wrong: {names}. Correct it; the next run reads their files."
        )
    return {"run_id": run_id, "status": "published"}


def _fallen_out(home: Home, run_id: str) -> list[Remark]:
    """Return a remark for each clinic that broke off or was left out."""
    what = "its intake broke off; its files are read again next time. Report this as a defect."
    broke_off = [Remark(f"clinic {one}", what) for one in _clinics_without_result(home, run_id)]
    return broke_off + [
        Remark(
            f"clinic {clinic}",
            f"left out, its rows break a promise of the tables: {'; '.join(dict.fromkeys(broken))}."
            " Report this as a defect.",
        )
        for clinic, broken in leaving_out.left_out(home, run_id).items()
    ]


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


def read_deliveries(home: Home, run_id: str) -> list[Delivery]:
    """Return the files this run is about."""
    rows = json.loads((home.work(run_id) / "deliveries.json").read_text(encoding="utf-8"))
    return [
        Delivery(**row | {"received_at": datetime.fromisoformat(row["received_at"])})
        for row in rows
    ]


def _keeps_the_lock(name: str, run_id: str | None, result: Any) -> str | None:
    """Return the run that goes on writing after a step; None where it ends or waits."""
    if name == "open_run":
        return str(result["run_id"]) if result["is_new"] else None
    is_over = name == "close_run" or (name == "gate" and result["is_asked"])
    return None if is_over else run_id


def withdraw(home: Home, clinic_id: str, name: str, why: str) -> withdrawing.Withdrawal:
    """Take back a file sent in error; a run that waits for approval is rejected by it."""
    now = _now()
    ledger = _tidied_up(home, now)
    file = withdrawing.find(ledger, clinic_id, name)
    return withdrawing.withdraw(home, ledger, file, why, _unused_run_id(ledger, now), now)


def erase(home: Home, clinic_id: str, client_id: str) -> Erasure:
    """Take a person out of everything but landing/; a night and `erase.certify` come after."""
    ledger = _tidied_up(home, _now())
    erasure = erasing.begin(home, ledger, clinic_id, client_id)
    erasing.purge(home, ledger, erasure)
    return erasure


def _tidied_up(home: Home, now: datetime) -> Ledger:
    """Clear away what a killed writer left, and settle what nobody decided; return the ledger."""
    home.prepare()
    ledger = Ledger(home)
    master_key(home)
    sweep_scratch(home)
    publishing.clear_build(home)
    approval.hold_undecided(home, ledger)
    ledger.end_unfinished()
    leftovers.sweep(home, ledger)
    lake.write_empty_tables(home)
    withdrawing.finish(home, ledger, now)
    erasing.resume(home, ledger)
    return ledger


def _waivers(home: Home) -> dict[str, str]:
    path = home.config / "waivers.yml"
    content = path.read_bytes() if path.exists() else b""
    return {"sha256": hashlib.sha256(content).hexdigest()}


def _write_deliveries(home: Home, run_id: str, deliveries: list[Delivery]) -> None:
    path: Path = home.work(run_id) / "deliveries.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [delivery.as_row() for delivery in deliveries]
    path.write_text(json.dumps(rows, default=datetime.isoformat, indent=1), encoding="utf-8")


def _clinics_without_result(home: Home, run_id: str) -> list[str]:
    clinics = {delivery.clinic_id for delivery in read_deliveries(home, run_id)}
    return sorted(
        clinic for clinic in clinics if not (taking_in.result_path(home, run_id, clinic)).exists()
    )


def _is_stale(home: Home, ledger: Ledger, state: str) -> bool:
    accepted = [row["run_id"] for row in ledger.all_files() if row["status"] == "accepted"]
    if publishing.published_run(home) is None:
        return bool(accepted)
    if erasing.needs_release(home):
        return True
    latest = next((row for row in ledger.all_runs() if row["status"] == "published"), None)
    if latest is None or latest["fingerprint"] != state:
        return True
    return bool(max(accepted, default="") > latest["run_id"])


def _unused_run_id(ledger: Ledger, now: datetime) -> str:
    taken = {row["run_id"] for row in ledger.all_runs()}
    base = now.strftime(RUN_ID)
    numbered = (f"{base}-{n}" for n in range(2, len(taken) + 3))
    return base if base not in taken else next(name for name in numbered if name not in taken)


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
    )
}
