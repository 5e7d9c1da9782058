"""What is compared, on two hand-made files; a whole build is in tests/acceptance/test_diff.py."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.diff import (
    AlertChange,
    Difference,
    Moved,
    NumberChange,
    _alerts,
    _differing,
    _moved,
    _numbers,
    _scratch,
    diff,
    diff_text,
)
from pipeline.home import REPOSITORY, Home
from pipeline.steps.publish import _point_to
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import whole
from transforms.errors import ConfigError, NothingToDoError

COLUMNS = "scope_level, scope_id, metric, estimate"


@pytest.fixture
def two():
    """An old and a new file, empty."""
    with duckdb.connect() as con:
        for which in ("old", "new"):
            con.execute(f"attach ':memory:' as {which}")
            for schema in ("core", "process", "quality", "common_factors"):
                con.execute(f"create schema {which}.{schema}")
        yield con


def alerts(con, which, *rows):
    con.execute(f"create table {which}.process.fct_alerts (alert_key varchar, alert_kind varchar)")
    con.executemany(f"insert into {which}.process.fct_alerts values (?, ?)", rows)


def test_alerts_are_counted_by_kind_and_only_where_one_goes_or_comes(two):
    alerts(two, "old", ("a", "no_form"), ("b", "no_form"), ("c", "risk_item"))
    alerts(two, "new", ("b", "no_form"), ("d", "no_form"), ("e", "no_form"), ("c", "risk_item"))

    assert _alerts(two) == [AlertChange("no_form", 2, 3, n_gone=1, n_new=2)]


def numbers(con, which, *rows):
    con.execute(
        f"create table {which}.common_factors.cf_t (scope_level varchar, scope_id varchar, "
        "metric varchar, rater varchar, estimate double)"
    )
    con.executemany(f"insert into {which}.common_factors.cf_t values (?, ?, ?, ?, ?)", rows)


def test_numbers_are_those_of_all_clinics_that_differ(two):
    """The last bits do not count; a row that goes, comes or loses its estimate does."""
    scope = ("overall", "all")
    numbers(
        two,
        "old",
        (*scope, "a", None, 0.1 + 0.2),
        (*scope, "b", None, 1.0),
        (*scope, "c", "client", 2.0),
        (*scope, "d", "client", 5.0),
        (*scope, "f", "x", None),
        ("clinic", "harbor", "a", None, 1.0),
    )
    numbers(
        two,
        "new",
        (*scope, "a", None, 0.3),
        (*scope, "b", None, 1.0001),
        (*scope, "c", "client", None),
        (*scope, "e", "client", 0.0),
        (*scope, "f", "x", None),
        ("clinic", "harbor", "a", None, 9.0),
    )

    assert _differing(two, "common_factors.cf_t", ["metric", "rater"], "estimate") == [
        ("b", 1.0, 1.0001),
        ("c, client", 2.0, None),
        ("d, client", 5.0, None),
        ("e, client", None, 0.0),
    ]


def test_the_tables_compared_are_those_of_the_disclosure_file(two, tmp_path):
    """core.fct_metric_funnel has no estimate: its count of episodes is what is compared."""
    for which, n in (("old", 40), ("new", 38)):
        two.execute(
            f"create table {which}.core.fct_metric_funnel as select 'overall' as scope_level, "
            f"'all' as scope_id, 'jt_recovery' as metric, 'success' as line, {n} as n_episodes"
        )

    assert _numbers(two, Home(tmp_path)) == [
        NumberChange("core.fct_metric_funnel", "jt_recovery, success", "n_episodes", 40, 38)
    ]


def test_classes_are_those_of_this_comparison_only(two):
    two.execute(
        "create table new.quality.dq_what_changed as "
        "select * from (values ('diff', 'harbor', 3), ('diff', 'fjord', 4), ('old', 'fjord', 9)) "
        "as rows(run_id, clinic_id, n_episodes), (select 'phq9' as instrument_id, 'standard' as "
        "version, 'registry' as method, 'change method' as cause, 'recovered' as class_before, "
        "'improved' as class_after)"
    )
    two.execute("create table new.core.fct_episode_change as from range(50)")

    moved, n_compared = _moved(two)

    assert moved == [Moved("phq9", "registry", "change method", "recovered", "improved", 7)]
    assert n_compared == 50


def test_the_text_says_each_change_in_a_line():
    found = Difference(
        "r1",
        True,
        {"fjord": "clinics/fjord.yml: wrong"},
        1_200,
        [Moved("phq9", "registry", "change method", "recovered", "improved", 7)],
        [AlertChange("no_form", 2, 3, 1, 2)],
        [NumberChange("common_factors.cf_t", "a", "estimate", 0.51234, None)],
    )

    lines = diff_text(found).splitlines()

    assert lines[0].startswith("Against release r1")
    assert "already differ" in lines[1]
    assert lines[2:] == [
        "  ✗ clinic fjord: clinics/fjord.yml: wrong",
        "Classes: 7 of 1,200 (of an episode by a method each) would change on the same forms",
        "        7  phq9, registry: recovered → improved (change method)",
        "Alerts: 1 kind(s) would change",
        "  no_form: 2 → 3 (1 gone, 2 new)",
        "Numbers over all clinics: 1 would change",
        "  common_factors.cf_t [a] estimate: 0.5123 → none",
    ]


@pytest.fixture
def home(tmp_path) -> Home:
    """A published release and a lake of one file."""
    place = Home(tmp_path / "home", REPOSITORY / "config")
    place.root.mkdir()
    place.prepare()
    Ledger(place).open_run("r1", datetime(2026, 2, 2), "code-1")
    place.release("r1").parent.mkdir()
    duckdb.connect(str(place.release("r1"))).close()
    _point_to(place, place.release("r1"))
    (place.lake / "scores").mkdir()
    (place.lake / "scores" / "f1.parquet").write_bytes(b"rows")
    return place


def test_what_is_written_into_the_scratch_lake_leaves_the_real_one_as_it_is(home, tmp_path):
    with _scratch(home, tmp_path) as place:
        file = place.lake / "scores" / "f1.parquet"
        assert file.read_bytes() == b"rows"
        with whole(file) as partial:
            partial.write_bytes(b"other")
        Ledger(place).open_run("diff", datetime(2026, 2, 3), "code-2")
        assert file.read_bytes() == b"other"
        root = place.root

    assert not root.exists()
    assert (home.lake / "scores" / "f1.parquet").read_bytes() == b"rows"
    assert [run["run_id"] for run in Ledger(home).all_runs()] == ["r1"]
    assert home.published.exists()


def test_a_scratch_home_goes_also_when_the_build_is_stopped(home, tmp_path):
    with pytest.raises(RuntimeError), _scratch(home, tmp_path) as place:
        raise RuntimeError
    assert not place.root.exists()


def test_a_folder_that_is_no_configuration_and_a_home_without_release_are_said(home, tmp_path):
    with pytest.raises(ConfigError, match=r"holds no rules\.yml"):
        diff(home, tmp_path)
    with pytest.raises(NothingToDoError, match="nothing is published"):
        diff(Home(tmp_path / "empty"), tmp_path)


def test_the_command_says_a_refusal_in_a_line(home, tmp_path):
    (tmp_path / "edited").mkdir()
    called = ["diff", "--config", str(tmp_path / "edited"), "--home", str(home.root)]

    refused = CliRunner().invoke(app, called)

    assert refused.exit_code == 1
    assert "holds no rules.yml" in refused.output
