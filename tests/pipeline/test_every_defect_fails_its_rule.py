"""Each defect of the catalogue in a demo clinic of its own: its rule fails, and no other."""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import datetime

import duckdb
import pytest

from expectations.catalogue import load_rules
from pipeline.home import REPOSITORY, Home
from pipeline.steps import accept, intake, judge
from pipeline.storage import lake
from pipeline.storage.configuration import write_registry
from pipeline.storage.landing import new_deliveries
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import open_vault
from tests.pipeline.demo_export import Export
from tests.pipeline.planted_defects import NIGHT_BEFORE, PLANTED, UNAVOIDABLE

RULES = load_rules()
CLEAN = "clean"
N_SESSIONS = 300


# What keeps rows out is proved with every run of the suite, what only tells with the slow ones.
CASES = [
    rule_id if RULES.rule(rule_id).keeps_out else pytest.param(rule_id, marks=pytest.mark.slow)
    for rule_id in PLANTED
]


@pytest.fixture(scope="module")
def results(tmp_path_factory, request):
    """Two nights over one clinic per defect; of the second: {clinic: {rule: set of states}}."""
    here = [item for item in request.session.items if item.module is request.module]
    wanted = {item.callspec.params["rule_id"] for item in here if hasattr(item, "callspec")}
    root = tmp_path_factory.mktemp("defects")
    shutil.copytree(REPOSITORY / "config", root / "config")
    place = Home(root / "home", root / "config")
    place.root.mkdir()
    place.prepare()
    (root / "clean").mkdir()
    export = Export.of_demo(root / "clean", N_SESSIONS)
    ledger = Ledger(place)
    open_vault(place)
    lake.write_empty_tables(place)
    write_registry(place)
    for number, changes in enumerate((NIGHT_BEFORE, PLANTED), start=1):
        for rule_id in wanted & changes.keys():
            _land(place, export, rule_id, changes[rule_id])
        if number == 1 and wanted & changes.keys():
            _night(place, ledger, 1)
    export.write(place.landing / CLEAN)
    _night(place, ledger, 2)
    states: dict = defaultdict(lambda: defaultdict(set))
    with duckdb.connect() as con:
        path = place.lake / "quality" / "rule_results" / "run2.parquet"
        for clinic, rule, state in con.execute(
            f"select clinic_id, rule_id, state from '{path}'"
        ).fetchall():
            states[clinic][rule].add(state)
    return states


def _land(place: Home, export: Export, rule_id: str, change) -> None:
    broken = export.copy()
    change(broken)
    broken.write(place.landing / rule_id.lower())


def _night(place: Home, ledger: Ledger, number: int) -> None:
    """Everything before dbt: read, mark, judge, accept."""
    run_id, now = f"run{number}", datetime(2026, 10, 30 + number - 1, 23)
    deliveries = new_deliveries(place, ledger, now, "v1")
    ledger.open_run(run_id, now, "v1")
    for clinic in sorted({delivery.clinic_id for delivery in deliveries}):
        own = [delivery for delivery in deliveries if delivery.clinic_id == clinic]
        if clinic == "s13":
            _ask_for_more_answers(place)
        intake.intake(place, run_id, clinic, own)
        write_registry(place)
    judge.judge(place, run_id)
    if number == 1:
        accept.accept(place, run_id, ledger, deliveries)


def _ask_for_more_answers(place: Home) -> None:
    """Let the registry ask for more answers than the scoring code does, which counts too few."""
    scales = place.lake / "registry" / "scales.parquet"
    with duckdb.connect() as con:
        con.execute(f"create table scales as from '{scales}'")
        con.execute("update scales set min_answered = 99 where instrument_id = 'phq9'")
        con.execute(f"copy scales to '{scales}' (format parquet)")


@pytest.mark.parametrize("rule_id", CASES)
def test_a_planted_defect_fails_exactly_its_rule(results, rule_id):
    states = results[rule_id.lower()]
    failing = {rule for rule, found in states.items() if found & {"fail", "error"}}

    assert failing == {rule_id} | set(UNAVOIDABLE.get(rule_id, {}))
    assert "error" not in set.union(*states.values())


def test_a_clean_clinic_shows_no_failure(results):
    states = results[CLEAN]

    assert set.union(*states.values()) == {"pass", "not_applicable"}
    assert sum("pass" in found for found in states.values()) > 40
