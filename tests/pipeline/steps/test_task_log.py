"""What a task's log says in the service: which rules fell short, and where the run's page is."""

from __future__ import annotations

import pytest

from pipeline import night
from pipeline.steps.judge import SHOWN_IN_LOG, _say_states
from transforms.errors import NothingToDoError

RESULT = {
    "clinic_id": "harbor",
    "source_file": "a.csv",
    "table_name": "responses",
    "title": "Answers lie in the range of the item",
    "n_scope": 1_200,
    "is_waived": False,
}


def _result(rule_id: str, severity: str, state: str, n_failed: int = 0, **other) -> dict:
    named = {"rule_id": rule_id, "severity": severity, "state": state, "n_failed": n_failed}
    return RESULT | named | other


@pytest.fixture
def service(home, monkeypatch):
    """A task of the service: nobody at a terminal, Airflow's address known."""
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://clinic.example")
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "judge")
    monkeypatch.delenv("RAPPORT_PROGRESS_FD", raising=False)
    return home


def test_rules_that_fell_short_are_named_worst_first(service, capsys):
    counts = _say_states(
        [
            _result("N01", "warn", "fail", 900),
            _result("F02", "fatal", "fail", 1),
            _result("S01", "quarantine", "pass"),
            _result("S02", "quarantine", "fail", 7, is_waived=True),
            _result("P06", "fatal", "error", 0, clinic_id=None, source_file=None),
        ]
    )

    said = capsys.readouterr()
    assert counts == {"error": 1, "fail": 3, "pass": 1}
    assert said.err == "", "Airflow shows what comes by stderr as an error"
    where = "Answers lie in the range of the item: harbor a.csv responses"
    assert said.out.splitlines() == [
        "    checks: 1 error, 3 fail, 1 pass",
        f"    ✗ F02 (fatal) {where}: 1 of 1,200",
        "    ✗ P06 (fatal) Answers lie in the range of the item: responses: error",
        f"    ✗ N01 (warn) {where}: 900 of 1,200",
    ]


@pytest.mark.parametrize("n_more", [0, 3])
def test_a_long_list_is_cut_and_says_so(service, capsys, n_more):
    n_results = SHOWN_IN_LOG + n_more
    _say_states([_result(f"N{n:02}", "warn", "fail", 1) for n in range(n_results)])

    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line for line in lines if "✗" in line][-1].split()[1] == f"N{SHOWN_IN_LOG - 1:02}"
    assert lines[SHOWN_IN_LOG:] == (["    … and 3 more on the run's page"] if n_more else [])


def test_every_steps_log_leads_to_the_page_of_the_run_also_when_it_fails(service, capsys):
    answer = {"choice": "publish", "without": [], "by": "qa", "why": "seen"}
    with pytest.raises(NothingToDoError):
        night.step("decide", answer | {"run_id": "2026-11-23T02-00-00Z"})

    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("https://clinic.example/rapport/reports/2026-11-23T02-00-00Z/index.html")
    )


def test_a_person_at_a_terminal_is_not_told_twice(service, capsys, monkeypatch, tmp_path):
    with (tmp_path / "terminal").open("wb") as terminal:
        monkeypatch.setenv("RAPPORT_PROGRESS_FD", str(terminal.fileno()))
        _say_states([_result("F02", "fatal", "fail", 1)])

    assert (tmp_path / "terminal").read_text(encoding="utf-8") == "    checks: 1 fail\n"
    assert capsys.readouterr().out == ""
