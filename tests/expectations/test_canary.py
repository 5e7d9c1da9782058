"""The canary proves in every run that the engine can fail."""

from datetime import datetime

import duckdb
import pytest

import expectations.canary
import expectations.judging.suites
from expectations.canary import sing
from expectations.catalogue import load_rules
from tests.expectations.hand_made_registry import write_registry

RULES = load_rules()
RUN_AT = datetime(2026, 1, 1, 6, 0)


@pytest.fixture
def heard(tmp_path):
    """Return a function that lets the canary sing once."""

    def run():
        with duckdb.connect() as con:
            write_registry(con, tmp_path / "registry")
        (tmp_path / "cage").mkdir()
        return sing(RULES, tmp_path / "registry", tmp_path / "cage", "run-1", RUN_AT)

    return run


def test_a_working_engine_fails_the_planted_row(heard):
    result = heard()

    assert (result["rule_id"], result["state"]) == ("X01", "pass")
    assert result["message"] == "the planted row was found"
    assert (result["clinic_id"], result["file_id"], result["n_failed"]) == (None, None, 0)


def test_an_engine_that_passes_everything_is_broken(heard, monkeypatch):
    """Great Expectations says yes to whatever it is shown."""
    monkeypatch.setattr(expectations.judging.suites, "state_of", lambda *_args: "pass")

    result = heard()

    assert result["state"] == "error"
    assert "did not fail the planted row" in result["message"]


def test_an_engine_that_fails_everything_is_broken(heard, monkeypatch):
    """A rule that can only fail says as little as one that cannot."""
    monkeypatch.setattr(expectations.judging.suites, "state_of", lambda *_args: "fail")

    assert heard()["state"] == "error"


def test_a_marking_pass_that_marks_nothing_is_broken(heard, monkeypatch):
    """Predicates that are never true: every delivery would look sound."""
    never = expectations.canary._IS_BROKEN.breaks[0].model_copy(update={"where": "false"})
    check = expectations.canary._IS_BROKEN.model_copy(update={"breaks": (never,)})
    monkeypatch.setattr(expectations.canary, "_IS_BROKEN", check)

    result = heard()

    assert result["state"] == "error"
    assert "did not mark the planted row" in result["message"]


def test_an_engine_that_cannot_run_is_broken(heard, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(expectations.canary, "mark", refuse)

    result = heard()

    assert result["state"] == "error"
    assert "ZeroDivisionError" in result["message"]
