"""What config/retention.yml no longer wants kept goes; what is live stays, and rows balance."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pipeline.home import REPOSITORY
from pipeline.steps import retention
from pipeline.storage import lake
from pipeline.storage.as_of import rows_as_of
from pipeline.storage.ledger import Ledger
from pipeline.storage.retention_policy import load_retention, retention_schema
from tests.pipeline.steps.test_withdraw import account, form, take_back
from transforms.contract import TABLES
from transforms.errors import BalanceError, ConfigError

SCHEMA = REPOSITORY / "config" / "schema" / "retention.schema.json"

NOW = datetime(2028, 1, 1, 12)


def policy(home, **settings) -> None:
    content = {"work_days": None, "log_days": None} | settings
    (home.config / "retention.yml").write_text(json.dumps(content), "utf-8")


def run_id(days_ago: float) -> str:
    return f"{NOW - timedelta(days=days_ago):%Y-%m-%dT%H-%M-%SZ}"


@pytest.fixture
def place(clinic):
    """A home whose newest run is of today."""
    home = clinic.place
    clinic.ledger.open_run(run_id(0), NOW, "f")
    clinic.ledger.close_run(run_id(0), NOW, "nothing_new")
    return home


def test_folders_of_old_runs_go_and_live_ones_stay(place):
    policy(place, work_days=30, report_days=60)
    ledger = Ledger(place)
    old, on_the_day, waiting, kept = run_id(31), run_id(30), run_id(40), run_id(61)
    ledger.open_run(waiting, NOW, "f")
    ledger.close_run(waiting, NOW, "waiting")
    place.release(kept).parent.mkdir()
    place.release(kept).touch()
    for name in (old, on_the_day, waiting, kept, run_id(0), f"{run_id(35)}-2", "mine"):
        place.work(name).mkdir(parents=True)
    for name in (run_id(59), run_id(61.5), kept, f"data_docs-{run_id(61.5)}"):
        (place.reports / name).mkdir()

    done = retention.retain(place, ledger, NOW)

    left = {path.name for path in (place.root / "work").iterdir()}
    assert left == {on_the_day, waiting, kept, run_id(0), "mine"}
    pages = {path.name for path in place.reports.iterdir() if path.is_dir()}
    assert pages == {run_id(59), kept}
    assert (done["work_folders"], done["pages"]) == (2, 2)
    (last,) = [row for row in ledger.audit_entries() if row["event"] == "retention"]
    assert json.loads(last["detail"])["deleted"]["work_folders"] == 2


def test_the_published_release_stays_however_old(place):
    policy(place, releases=2)
    names = [run_id(days) for days in (9, 3, 2, 1)]
    for name in names:
        place.release(name).parent.mkdir()
        place.release(name).touch()
    place.published.symlink_to(f"../releases/{names[0]}/analytics.duckdb")

    assert retention.retain(place, Ledger(place), NOW)["releases"] == 1

    assert {path.name for path in place.releases.iterdir()} == {names[0], *names[2:]}


def test_old_logs_and_half_written_files_go(place):
    policy(place, log_days=10)
    logs = place.root / "airflow" / "logs" / "run"
    logs.mkdir(parents=True)
    for name, days in (("old", 11), ("new", 9)):
        (logs / name).touch()
        os.utime(logs / name, (0, (NOW - timedelta(days=days)).timestamp()))
    half = place.lake / "responses" / "clinic=clinic" / ".a.parquet.tmp"
    half.parent.mkdir()
    half.touch()
    growing = place.landing / ".b.csv.tmp"
    growing.touch()

    done = retention.retain(place, Ledger(place), NOW)

    assert [path.name for path in logs.iterdir()] == ["new"]
    assert (done["logs"], done["half_written"]) == (1, 1)
    assert (half.exists(), growing.exists()) == (False, True)


def test_nothing_to_delete_leaves_no_entry(place):
    policy(place)
    before = Ledger(place).audit_entries()

    assert set(retention.retain(place, Ledger(place), NOW).values()) == {0}
    assert Ledger(place).audit_entries() == before


@pytest.fixture
def history(clinic):
    """Three nights: a form, its correction, and a file that was withdrawn."""
    clinic.land("responses_1.csv", form("r1"), form("r2"))
    clinic.night()
    clinic.land("responses_2.csv", form("r2", 3), form("r3", 3))
    clinic.night()
    clinic.land("responses_3.csv", form("r3", 0), form("r4", 0))
    clinic.night()
    take_back(clinic, "responses_3.csv")
    return clinic


def stored(clinic) -> list[tuple]:
    rows = f"read_parquet('{clinic.place.lake}/responses/**/*.parquet', union_by_name = true)"
    scores = f"read_parquet('{clinic.place.lake}/scores/**/*.parquet', union_by_name = true)"
    return clinic.ask(f"select count(*), (select count(*) from {scores}) from {rows}")


def erased(clinic) -> int:
    return sum(row["n_erased"] for row in clinic.ledger.all_file_tables())


def balance(clinic) -> None:
    """Received = what lies in the lake + duplicate + quarantined + erased, for every file."""
    rows = f"read_parquet('{clinic.place.lake}/responses/**/*.parquet', union_by_name = true)"
    lying = dict(clinic.ask(f"select file_id, count(*) from {rows} group by 1"))
    for row in clinic.ledger.all_file_tables():
        told = row["n_duplicate"] + row["n_quarantined"] + row["n_erased"]
        assert row["n_received"] == lying.get(row["file_id"], 0) + told
        assert row["n_accepted"] == lying.get(row["file_id"], 0)


def test_history_stays_for_ever_unless_somebody_says_how_long(history):
    policy(history.place)
    before = stored(history)

    assert retention.retain(history.place, history.ledger, NOW)["history_rows"] == 0
    assert stored(history) == before
    account(history)


def test_history_goes_by_the_day_it_became_history_and_current_rows_stay(history):
    current = history.held()
    replaced_on = datetime(2026, 2, 2)
    policy(history.place, lake_history_days=365)
    ((n_rows, _),) = stored(history)

    early = retention.retain(history.place, history.ledger, replaced_on + timedelta(days=365))
    assert early["history_rows"] == 0
    late = retention.retain(
        history.place, history.ledger, replaced_on + timedelta(days=365, seconds=1)
    )

    assert late["history_rows"] == 1 == erased(history)
    assert stored(history)[0][0] == n_rows - 1
    assert history.held() == current
    balance(history)
    assert retention.retain(history.place, history.ledger, NOW)["history_rows"] == 3
    assert history.held() == current != []
    assert stored(history)[0][0] == len(current)
    balance(history)
    as_of = rows_as_of(history.place, TABLES["responses"], datetime(2026, 2, 28))
    assert history.ask(f"select count(*) from ({as_of})") == [(len(current),)]


@pytest.mark.parametrize("broken", ["set_counts", "_forget_markers", "write_quality_tables"])
def test_broken_off_anywhere_the_next_night_finishes_it(history, monkeypatch, broken):
    current = history.held()
    policy(history.place, lake_history_days=365)

    def breaks(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger if broken == "set_counts" else retention, broken, breaks)
        with pytest.raises(KeyboardInterrupt):
            retention.retain(history.place, history.ledger, NOW)

    retention.resume(history.place, history.ledger)

    assert history.held() == current
    assert erased(history) == 4
    balance(history)
    markers = history.place.lake / "superseded" / "responses"
    assert [path.name for path in markers.rglob("*.parquet")] == ["empty.parquet"]
    assert not list(history.place.lake.glob("*.json"))


def test_a_row_that_was_lost_is_not_called_erased(history):
    policy(history.place, lake_history_days=365)
    (first,) = [r for r in history.ledger.all_files() if r["source_file"] == "responses_1.csv"]
    lake.lake_file(history.place, "responses", "clinic", f"{first['file_id']}.parquet").unlink()

    with pytest.raises(BalanceError, match="the lake lacks 2 rows"):
        retention.retain(history.place, history.ledger, NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("releases: 0", "releases"),
        ("lake_history_days: 364", "lake_history_days"),
        ("work: 3", "work"),
        ("a: b: c", "not valid YAML"),
    ],
)
def test_a_wrong_policy_is_refused_by_its_key(clinic, text, said):
    (clinic.place.config / "retention.yml").write_text(text, "utf-8")

    with pytest.raises(ConfigError, match=rf"config/retention.yml: {said}"):
        load_retention(clinic.place)


def test_the_schema_is_the_one_of_the_code_and_accepts_the_file():
    assert SCHEMA.read_text("utf-8") == retention_schema(), "write retention_schema() to SCHEMA"
    content = YAML(typ="safe").load(REPOSITORY / "config" / "retention.yml")
    assert Draft202012Validator(json.loads(retention_schema())).is_valid(content)
