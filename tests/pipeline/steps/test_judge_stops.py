"""A validation engine that cannot fail loads and publishes nothing."""

from datetime import datetime

import pyarrow.parquet as pq
import pytest

import expectations.judging.suites
from pipeline.steps.judge import judge
from pipeline.storage.configuration import write_registry
from pipeline.storage.lake import write_empty_tables
from pipeline.storage.ledger import Ledger
from transforms.errors import BuildError


@pytest.fixture
def opened(home):
    """A run without deliveries, opened and ready to be judged."""
    write_empty_tables(home)
    write_registry(home)
    Ledger(home).open_run("run-1", datetime(2026, 1, 1, 6, 0), "f")
    home.work("run-1").mkdir(parents=True)
    return home


def _results(home):
    folder = home.lake / "quality" / "rule_results"
    return pq.read_table(folder / "run-1.parquet").to_pylist()


def test_the_canary_is_a_result_of_every_run(opened):
    assert judge(opened, "run-1") == {"pass": 1}

    assert [(row["rule_id"], row["clinic_id"]) for row in _results(opened)] == [("X01", None)]


def test_a_broken_engine_stops_the_night(opened, monkeypatch):
    """The verdict is kept; no file is settled, as the list of rejected files is never written."""
    monkeypatch.setattr(expectations.judging.suites, "state_of", lambda *_args: "pass")

    with pytest.raises(BuildError, match=r"X01: the engine is broken: .* Nothing was loaded"):
        judge(opened, "run-1")

    assert [row["state"] for row in _results(opened)] == ["error"]
    assert not (opened.work("run-1") / "rejected.json").exists()
