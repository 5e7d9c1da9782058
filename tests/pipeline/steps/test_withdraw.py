"""A file sent in error is taken back: what is current is what it would be without it."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipeline.steps import withdraw as withdrawing
from pipeline.storage import lake, leftovers
from pipeline.storage.as_of import rows_as_of
from pipeline.storage.ledger import Ledger
from transforms.contract import TABLES
from transforms.errors import NothingToDoError

SNAPSHOTS = "clinic: clinic\ndelivery: snapshot\nlargest_deletion: 1\n"


def form(name: str, answer: int = 1) -> str:
    """Return a form of January, on the day its name says."""
    return f"{name},c{name},phq9,client,2026-01-{int(name[1:]):02} 10:00" + f",{answer}" * 9


def take_back(clinic, name: str, hour: int = 12) -> withdrawing.Withdrawal:
    """Withdraw a file in the evening of the last night."""
    ledger, now = clinic.ledger, datetime(2026, 2, clinic.nights, hour)
    ledger.end_unfinished()
    leftovers.sweep(clinic.place, ledger)
    lake.write_empty_tables(clinic.place)
    withdrawing.finish(clinic.place, ledger, now)
    run_id = f"run{clinic.nights}w{hour}-{len(ledger.all_runs())}"
    file = withdrawing.find(ledger, "clinic", name)
    return withdrawing.withdraw(clinic.place, ledger, file, "sent in error", run_id, now)


def account(clinic) -> dict[str, tuple]:
    """Return status, received, loaded, duplicate, superseded and quarantined by file."""
    table, place = TABLES["responses"], clinic.place
    held = lake.current_rows(place, table, "clinic")
    current = dict(clinic.ask(f"select file_id, count(*) from ({held}) group by 1"))
    rows = f"read_parquet('{place.lake}/responses/**/*.parquet', union_by_name = true)"
    stored = dict(clinic.ask(f"select file_id, count(*) from {rows} group by 1"))
    counts = {row["file_id"]: row for row in clinic.ledger.all_file_tables()}
    found = {}
    for file in clinic.ledger.all_files():
        row = counts.get(file["file_id"], {})
        loaded = current.get(file["file_id"], 0)
        parts = (
            loaded,
            row.get("n_duplicate", 0),
            stored.get(file["file_id"], 0) - loaded,
            row.get("n_quarantined", 0),
        )
        assert row.get("n_received", 0) == sum(parts), file["source_file"]
        found[file["source_file"]] = (file["status"], row.get("n_received", 0), *parts)
    return found


def test_what_the_file_replaced_is_current_again_and_history_stays(clinic):
    clinic.land("responses_1.csv", form("r1"), form("r2"))
    clinic.night()
    clinic.land("responses_2.csv", form("r2", 3), form("r3", 3))
    clinic.night()
    assert clinic.held() == [(1, 1), (2, 3), (3, 3)]

    done = take_back(clinic, "responses_2.csv")

    assert (done.n_taken_back, done.n_restored) == (2, 1)
    assert clinic.held() == [(1, 1), (2, 1)]
    assert account(clinic) == {
        "responses_1.csv": ("accepted", 2, 1, 0, 1, 0),
        "responses_2.csv": ("withdrawn", 2, 0, 0, 2, 0),
        "responses_2.csv (restored rows)": ("accepted", 1, 1, 0, 0, 0),
    }
    # Known on the first day, on the second before the withdrawal (noon), and after it.
    assert clinic.held(1) == [(1, 1), (2, 1)]
    before = rows_as_of(clinic.place, TABLES["responses"], datetime(2026, 2, 2, 11))
    assert clinic.ask(
        f"select day(completed_at), item_1::integer from ({before}) order by all"
    ) == [(1, 1), (2, 3), (3, 3)]
    assert clinic.held(2) == clinic.documented(2) == [(1, 1), (2, 1)]
    scores = clinic.ask(
        "select score from read_parquet("
        f"'{clinic.place.lake}/scores/clinic=clinic/*.parquet') where file_id = "
        f"'{clinic.ledger.all_files()[-1]['file_id']}' and scale = 'total'"
    )
    assert scores == [(9.0,)]


def test_a_row_a_later_file_only_repeated_comes_back_under_that_file(clinic):
    clinic.land("responses_1.csv", form("r1"))
    clinic.night()
    clinic.land("responses_2.csv", form("r1", 2), form("r2", 2))
    clinic.night()
    clinic.land("responses_3.csv", form("r9"), form("r1", 2))
    clinic.night()

    take_back(clinic, "responses_2.csv")

    assert clinic.held() == [(1, 2), (9, 1)]
    query = lake.current_rows(clinic.place, TABLES["responses"], "clinic")
    assert clinic.ask(
        f"select source_file, source_line from ({query}) where day(completed_at) = 1"
    ) == [("responses_3.csv", 3)]


def test_what_replaced_the_file_since_stays_and_withdrawn_files_are_passed_over(clinic):
    """Three versions: without the second the third stays; without both the first is back."""
    for number in (1, 2, 3):
        clinic.land(f"responses_{number}.csv", form("r1", number - 1))
        clinic.night()

    assert take_back(clinic, "responses_2.csv").n_restored == 0
    assert clinic.held() == [(1, 2)]
    take_back(clinic, "responses_3.csv", 13)
    assert clinic.held() == [(1, 0)]
    take_back(clinic, "responses_1.csv", 14)
    assert clinic.held() == []
    account(clinic)


def test_what_a_withdrawal_restored_goes_with_its_own_file(clinic):
    clinic.land("responses_1.csv", form("r1", 1))
    clinic.night()
    clinic.land("responses_2.csv", form("r1", 2))
    clinic.night()
    take_back(clinic, "responses_2.csv")
    take_back(clinic, "responses_1.csv", 13)

    assert clinic.held() == []


def test_rows_a_snapshot_deleted_come_back_unless_a_later_one_lacks_them_too(clinic):
    clinic.configure(SNAPSHOTS)
    clinic.land("responses_1.csv", *(form(f"r{n}") for n in range(1, 7)))
    clinic.night()
    clinic.land("responses_2.csv", form("r1"))
    clinic.night()
    assert clinic.days() == [1]
    clinic.land("responses_3.csv", *(form(f"r{n}") for n in range(1, 4)))
    clinic.night()

    take_back(clinic, "responses_2.csv")
    assert clinic.days() == [1, 2, 3]

    take_back(clinic, "responses_3.csv", 13)
    assert clinic.days() == [1, 2, 3, 4, 5, 6]
    account(clinic)


def test_rows_held_back_go_with_their_file(clinic):
    clinic.land("responses_1.csv", form("r1").replace("2026-01-01 10:00", "soon"), form("r2"))
    clinic.night()
    assert list((clinic.place.lake / "quality" / "quarantine" / "clinic").glob("*.parquet"))

    take_back(clinic, "responses_1.csv")

    assert not list((clinic.place.lake / "quality" / "quarantine" / "clinic").glob("*.parquet"))
    assert not list((clinic.place.vault / "identities").rglob("*.sealed"))
    assert account(clinic)["responses_1.csv"] == ("withdrawn", 2, 0, 0, 1, 1)


def test_the_same_content_is_read_again_only_when_it_is_sent_again(clinic):
    clinic.land("responses_1.csv", form("r1"))
    clinic.night()
    take_back(clinic, "responses_1.csv")
    clinic.land("other.csv", form("r5"), header="nothing")
    clinic.night()
    assert clinic.night("another configuration") == {"other.csv": "refused"}
    assert clinic.days() == []

    clinic.land("responses_again.csv", form("r1"))
    assert clinic.night("v3")["responses_again.csv"] == "accepted"
    assert clinic.days() == [1]
    assert clinic.night("v4") == {"other.csv": "refused"}

    (clinic.place.landing / "clinic" / "responses_1.csv").unlink()
    take_back(clinic, "responses_again.csv")
    clinic.night("v5")
    clinic.land("responses_1.csv", form("r1"))
    assert clinic.night("v6")["responses_1.csv"] == "accepted"
    assert clinic.days() == [1]
    account(clinic)


STEPS = (
    (withdrawing, "_order"),
    (withdrawing, "write_scores"),
    (Ledger, "withdraw"),
    (leftovers, "sweep"),
    (withdrawing, "_forget"),
    (withdrawing, "write_client_ages"),
    (withdrawing, "write_quality_tables"),
    (Ledger, "close_run"),
)


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_at_any_step_and_repeated_it_is_as_if_undisturbed(clinic, monkeypatch, where, step):
    clinic.land("responses_1.csv", form("r1"), form("r2"))
    clinic.night()
    clinic.land("responses_2.csv", form("r2", 3), form("r3", 3), form("r4").replace("4 10", "x"))
    clinic.night()
    real = getattr(where, step)
    armed = []

    def killed(*arguments, **options):
        if armed:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        file = withdrawing.find(clinic.ledger, "clinic", "responses_2.csv")
        armed.append(True)
        with pytest.raises(KeyboardInterrupt):
            withdrawing.withdraw(
                clinic.place, clinic.ledger, file, "why", "run2w", datetime(2026, 2, 2, 11)
            )

    take_back(clinic, "responses_2.csv")

    assert clinic.held() == [(1, 1), (2, 1)]
    assert account(clinic)["responses_2.csv"] == ("withdrawn", 3, 0, 0, 2, 1)
    assert {run["status"] for run in clinic.ledger.all_runs() if "w" in run["run_id"]} <= {
        "withdrawn", "failed",
    }  # fmt: skip
    assert [path.name for path in (clinic.place.vault / "identities").rglob("*.sealed")] == [
        f"{clinic.ledger.all_files()[0]['file_id']}.responses.sealed"
    ]
    assert clinic.ledger.all_loading() == {}


def test_a_file_is_named_without_doubt(clinic):
    clinic.land("responses.csv", form("r1"))
    clinic.night()
    clinic.land("responses.csv", form("r2"))
    clinic.night()

    with pytest.raises(NothingToDoError, match=r"delivered 2 times. Name one by its id: [0-9a-f]"):
        withdrawing.find(clinic.ledger, "clinic", "responses.csv")
    with pytest.raises(NothingToDoError, match=r"never delivered nothing\.csv"):
        withdrawing.find(clinic.ledger, "clinic", "nothing.csv")
    first = clinic.ledger.all_files()[0]["file_id"]
    assert withdrawing.find(clinic.ledger, "clinic", first)["file_id"] == first
    for name in ("clinic/responses.csv", "data/landing/clinic/responses.csv"):
        with pytest.raises(NothingToDoError, match="2 times"):
            withdrawing.find(clinic.ledger, "clinic", name)
