"""A night that was killed after its rows were in the lake is finished by the next one."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipeline import night
from pipeline.audit.fingerprint import fingerprint
from pipeline.storage.ledger import Ledger

AT = datetime(2026, 1, 2, 2)
PUBLISHED, KILLED = "2026-01-02T02-00-00Z", "2026-01-03T02-00-00Z"
FILE = {
    "clinic_id": "harbor",
    "file_id": "a",
    "sha256": "a",
    "source_file": "a.csv",
    "size_bytes": 1,
    "received_at": AT,
    "reason": None,
    "fingerprint": "f",
}


@pytest.mark.parametrize(
    ("run_id", "status", "is_new"),
    [
        (KILLED, "accepted", True),
        (KILLED, "rejected", False),
        (PUBLISHED, "accepted", False),
    ],
)
def test_rows_that_no_release_has_make_a_night(home, monkeypatch, run_id, status, is_new):
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    monkeypatch.delenv("RAPPORT_CONFIG", raising=False)
    ledger, state = Ledger(home), fingerprint(home)
    ledger.open_run(PUBLISHED, AT, state)
    ledger.close_run(PUBLISHED, AT, "published")
    release = home.release(PUBLISHED).with_name("of_a_kind_nobody_opens.duckdb")
    release.parent.mkdir()
    release.touch()
    home.published.symlink_to(release)
    ledger.open_run(KILLED, AT, state)
    ledger.record_files([(FILE | {"run_id": run_id, "status": status}, [])])

    assert night.open_run()["is_new"] is is_new
    assert ledger.run(KILLED)["status"] == "failed"
