"""What a night says at its end: that all is published, or what is not and what to do."""

from __future__ import annotations

from pipeline.home import Home
from pipeline.steps.intake import result_path
from pipeline.steps.leaving_out import left_out
from pipeline.storage.landing import read_deliveries
from pipeline.storage.remarks import Remark, read_remarks
from transforms.errors import BuildError


def require_whole(home: Home, run_id: str, status: str) -> None:
    """Raise BuildError where the night did not publish, or published without a clinic."""
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
    if unread := clinics_without_result(home, run_id):
        raise BuildError(
            f"run {run_id}: published without {len(unread)} clinic(s) whose intake broke off: "
            f"{', '.join(unread)}. Their files are read again next time; report this as a defect."
        )
    if out := left_out(home, run_id):
        raise BuildError(
            f"run {run_id}: published without {len(out)} clinic(s) whose rows break a promise of "
            f"the tables: {', '.join(out)}. Their files are read again next time; the run's page "
            "says which promise. Report it as a defect."
        )
    # Who broke off or was left out was raised above.
    if wrong := [one.clinic for one in read_remarks(home, run_id) if one.clinic]:
        raise BuildError(
            f"run {run_id}: published without what {len(wrong)} clinic(s) sent, whose YAML is "
            f"wrong: {', '.join(wrong)}. Correct it; the next run reads their files."
        )


def fallen_out(home: Home, run_id: str) -> list[Remark]:
    """Return a remark for each clinic that broke off or was left out."""
    what = "its intake broke off; its files are read again next time. Report this as a defect."
    broke_off = [Remark(f"clinic {one}", what) for one in clinics_without_result(home, run_id)]
    return broke_off + [
        Remark(
            f"clinic {clinic}",
            f"left out, its rows break a promise of the tables: {'; '.join(dict.fromkeys(broken))}."
            " Report this as a defect.",
        )
        for clinic, broken in left_out(home, run_id).items()
    ]


def clinics_without_result(home: Home, run_id: str) -> list[str]:
    clinics = {delivery.clinic_id for delivery in read_deliveries(home, run_id)}
    return sorted(clinic for clinic in clinics if not result_path(home, run_id, clinic).exists())
