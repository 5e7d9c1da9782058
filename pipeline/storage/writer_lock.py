"""One writer at a time: who may write to a home, across processes, executors and hosts.

Two things together, both beside the data:

* a row in the ledger: who writes, since when, for which run, and a heartbeat. It holds between the
  tasks of a run, when no process of it lives, and is what other hosts see;
* a lock of the operating system on ``ledger.lock``, shared by the processes of that one writer. It
  goes with the last of them, however they died, and so proves on this host who is dead.

docs/adr/0014-one-writer.md has the reasons.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.home import Home
from pipeline.progress import say
from pipeline.storage.ledger import Ledger
from transforms.errors import BuildError, BusyError, LedgerError
from transforms.statistics.withheld import Record

SERVICE = "a night of Airflow"
HEARTBEAT_SECONDS = 30.0
POLL_SECONDS = 0.25
WAIT_SECONDS = 30.0  # RAPPORT_LOCK_WAIT
SILENT_MINUTES = 10.0  # RAPPORT_LOCK_MINUTES


@dataclass
class Hold:
    """What this process holds. The row outlives the process while ``run_id`` names a run."""

    ledger: Ledger
    file: int
    claim: str
    run_id: str | None = None


_held: dict[Path, Hold] = {}


@contextmanager
def writing(home: Home, owner: str, run_id: str | None = None) -> Iterator[Hold]:
    """Hold the lock for a whole command; the steps of a night inside it are the same writer.

    Parameters
    ----------
    owner : what the next one reads who finds the home taken, such as ``rapport run``

    Raises
    ------
    BusyError
        Somebody else writes, also after RAPPORT_LOCK_WAIT seconds.
    """
    with _kept_alive(home, _claim(home, owner, run_id, pid=os.getpid())) as hold:
        try:
            yield hold
        finally:
            hold.run_id = None


@contextmanager
def step(home: Home, run_id: str | None) -> Iterator[Hold]:
    """Hold the lock for one step of a night, run by the service in a process of its own.

    Between steps the row alone keeps the home for the run. Whoever yields the Hold sets its
    ``run_id`` to None when the run needs it no longer: it has ended, or waits for a person.

    Raises
    ------
    BusyError
        Somebody else writes, also after RAPPORT_LOCK_WAIT seconds.
    BuildError
        The run was silent for so long, or waited, and another one has ended it.
    """
    if home.root in _held:
        yield from _step_of_a_command(_held[home.root], run_id)
        return
    hold = run_id and _resume(home, run_id)
    hold = hold or _claim(home, SERVICE, run_id, pid=None)
    with _kept_alive(home, hold):
        newest = hold.ledger.all_runs()[:1]
        if run_id and newest and newest[0]["run_id"] != run_id:
            hold.run_id = None  # a newer run has swept what this one left
            raise _lost(run_id)
        yield hold


@contextmanager
def restoring(home: Home) -> Iterator[None]:
    """Keep every writer of this host out of a home that has no ledger yet, or gets another one.

    Raises
    ------
    BusyError
        Somebody writes there.
    """
    file = _open(home)
    try:
        if not _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise BusyError(f"{home.root.name}/: somebody writes here. Nothing was changed.")
        yield
    finally:
        os.close(file)


def owner(home: Home) -> tuple[Record | None, bool]:
    """Return the row of who writes, and whether nobody lives who could have written it."""
    row = Ledger(home).writer() if home.ledger.exists() else None
    if row is None:
        return None, False
    file = _open(home)
    try:
        is_free = _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return row, is_free and _is_dead(row, _now())
    finally:
        os.close(file)


def _step_of_a_command(hold: Hold, run_id: str | None) -> Iterator[Hold]:
    """Go on as the same writer, unless another host believed this process dead."""
    if not hold.ledger.touch_writer(hold.claim, heartbeat=_now(), run_id=run_id):
        raise _lost(run_id)
    yield hold


def inherited(home: Home) -> tuple[int, ...]:
    """Return the descriptors a child process that writes must keep: it counts as this writer.

    A child that outlives its killed parent then keeps the home until it has ended too.
    """
    return (_held[home.root].file,) if home.root in _held else ()


def described(row: Record | None) -> str:
    """Say in words who writes."""
    if row is None:
        return "another process"
    run = f", run {row['run_id']}" if row["run_id"] else ""
    process = f"process {row['pid']} on " if row["pid"] else ""
    return f"{row['owner']}{run} ({process}{row['host']}) since {row['since']:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _kept_alive(home: Home, hold: Hold) -> Iterator[Hold]:
    """Renew the heartbeat until the block ends; then leave the row to the run, or free it."""
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(hold, ended), daemon=True)
    beating.start()
    _held[home.root] = hold
    try:
        yield hold
    finally:
        del _held[home.root]
        ended.set()
        beating.join()
        _leave(hold)


def _leave(hold: Hold) -> None:
    try:
        if hold.run_id is None:
            hold.ledger.free_writer(hold.claim)
        elif not hold.ledger.touch_writer(hold.claim, heartbeat=_now(), run_id=hold.run_id):
            raise _lost(hold.run_id)
    finally:
        # Said aloud, as closing is not enough where a child still has the descriptor.
        fcntl.flock(hold.file, fcntl.LOCK_UN)
        os.close(hold.file)


def _beat(hold: Hold, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        try:
            hold.ledger.touch_writer(hold.claim, heartbeat=_now())
        except LedgerError as error:  # the step itself will meet it; the next beat may succeed
            say(f"  the writer's heartbeat was not written: {error}")


def _claim(home: Home, owner: str, run_id: str | None, pid: int | None) -> Hold:
    """Wait until nobody writes, or the one who does is dead, and write down that we do."""
    if home.half_restored.exists():
        raise BusyError(
            f"{home.root.name}/: a back-up is half restored here. Nothing was changed. Give the "
            "same `rapport restore` again; it goes on where it broke off."
        )
    deadline = time.monotonic() + _setting("RAPPORT_LOCK_WAIT", WAIT_SECONDS)
    while True:
        if hold := _try(home, owner, run_id, pid):
            return hold
        if time.monotonic() >= deadline:
            raise _busy(home, Ledger(home).writer())
        time.sleep(POLL_SECONDS)


def _try(home: Home, owner: str, run_id: str | None, pid: int | None) -> Hold | None:
    file = _open(home)
    hold = None
    try:
        if not _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return None  # somebody on this host is at work
        ledger, claim, now = Ledger(home), uuid.uuid4().hex, _now()
        row: Record = {"claim": claim, "owner": owner, "run_id": run_id, "host": _host()}
        row |= {"pid": pid, "since": now, "heartbeat": now}
        found = ledger.writer()
        if (found is None or _is_dead(found, now)) and ledger.claim_writer(row, over=found):
            _locked(file, fcntl.LOCK_SH)  # other tasks of the same run may work beside this
            hold = Hold(ledger, file, claim, run_id)
            if found is not None:
                say(f"Taken over from {described(found)}, which ended without a word.")
    finally:
        if hold is None:
            os.close(file)
    return hold


def _resume(home: Home, run_id: str) -> Hold | None:
    """Take up a run's own row for its next step; None where the row is not this run's."""
    file = _open(home)
    hold = None
    try:
        _locked(file, fcntl.LOCK_SH)  # waits at most the moment somebody needs to look
        ledger = Ledger(home)
        row = ledger.writer()
        if row and row["run_id"] == run_id and row["pid"] is None:
            ledger.touch_writer(row["claim"], heartbeat=_now(), host=_host())
            hold = Hold(ledger, file, row["claim"], run_id)
    finally:
        if hold is None:
            os.close(file)
    return hold


def _is_dead(row: Record, now: datetime) -> bool:
    """Judge an owner of whom no process on this host is left."""
    if row["pid"] is not None and row["host"] == _host():
        return True
    silent = timedelta(minutes=_setting("RAPPORT_LOCK_MINUTES", SILENT_MINUTES))
    return not silent or now - row["heartbeat"] > silent


def _busy(home: Home, row: Record | None) -> BusyError:
    seen = f"; last seen at work {row['heartbeat']:%H:%M:%S} UTC" if row else ""
    return BusyError(
        f"{home.root.name}/: {described(row)} writes here{seen}. Nothing was changed. Wait until "
        "it has ended and try again; docs/runbook.md says what to do if it is dead."
    )


def _lost(run_id: str | None) -> BuildError:
    return BuildError(
        f"run {run_id}: another writer has taken its place, this run is over. What it did not "
        "settle is read again; see `rapport status`, then start a new run."
    )


def _open(home: Home) -> int:
    home.root.mkdir(parents=True, exist_ok=True)
    try:
        return os.open(home.writer_lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise LedgerError(
            f"{home.writer_lock.name}: cannot be opened ({error.strerror}). Run as the user the "
            "home belongs to, on a disk that can be written to."
        ) from None


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    except OSError as error:
        raise LedgerError(
            f"ledger.lock: this file system cannot lock files ({error.strerror}). Put the home on "
            "one that can; the ledger needs it too."
        ) from None
    return True


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(name, default))


def _host() -> str:
    return socket.gethostname()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
