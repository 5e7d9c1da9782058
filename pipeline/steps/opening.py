"""What comes before anything is read: a killed writer's rest is cleared, a run is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pipeline.home import Home
from pipeline.progress import say
from pipeline.steps import approval, retention
from pipeline.steps.erase import needs_release, resume
from pipeline.steps.publish import clear_build, published_run
from pipeline.steps.withdraw import finish
from pipeline.storage import lake, leftovers
from pipeline.storage.landing_names import Looked
from pipeline.storage.ledger import RUN_ID, Ledger
from pipeline.storage.remarks import Remark
from pipeline.vault.keys import sweep_scratch
from pipeline.vault.rotation import take_over
from transforms.formats.source import plural


def tidied_up(home: Home, now: datetime) -> Ledger:
    """Clear away what a killed writer left, and settle what nobody decided; return the ledger."""
    home.prepare()
    ledger = Ledger(home)
    sweep_scratch(home)
    if n_sealed := take_over(home):
        say(f"  vault: {plural(n_sealed, 'file')} from before, sealed now")
    clear_build(home)
    approval.hold_undecided(home, ledger)
    ledger.end_unfinished()
    leftovers.sweep(home, ledger)
    lake.write_empty_tables(home)
    finish(home, ledger, now)
    resume(home, ledger)
    retention.resume(home, ledger)
    return ledger


def unused_run_id(ledger: Ledger, now: datetime) -> str:
    taken = {row["run_id"] for row in ledger.all_runs()}
    base = now.strftime(RUN_ID)
    numbered = (f"{base}-{n}" for n in range(2, len(taken) + 3))
    return base if base not in taken else next(name for name in numbered if name not in taken)


def is_stale(home: Home, ledger: Ledger, state: str) -> bool:
    accepted = [row["run_id"] for row in ledger.all_files() if row["status"] == "accepted"]
    if published_run(home) is None:
        return bool(accepted)
    if needs_release(home):
        return True
    latest = next((row for row in ledger.all_runs() if row["status"] == "published"), None)
    if latest is None or latest["fingerprint"] != state:
        return True
    return bool(max(accepted, default="") > latest["run_id"])


def waiting(wrong: Mapping[str, str], looked: Looked) -> list[Remark]:
    """Return a remark for each clinic that waits for a right YAML; the others go on."""
    return [
        Remark(
            f"clinic {clinic_id}",
            f"its YAML is wrong, so {plural(len(looked.files[clinic_id]), 'file')} of it wait. "
            f"{error}",
        )
        for clinic_id, error in sorted(wrong.items())
    ]
