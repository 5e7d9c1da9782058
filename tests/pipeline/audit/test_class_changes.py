"""Classes that move on the same forms are counted, with their cause; new data are not."""

from datetime import datetime

import duckdb
import pytest

from pipeline.audit.class_changes import (
    TABLE,
    WHAT_CHANGED,
    compare_with_published,
    keep_history,
)
from pipeline.storage.ledger import Ledger
from tests.conftest import key

RUN = "2026-02-01T00-00-00Z"
# episode: first form, last form, class; PHQ-9 by one method
BEFORE = {
    "e1": ("f1", "f2", "recovered"),
    "e2": ("f3", "f4", "recovered"),
    "e3": ("f5", "f6", "improved"),
    "e4": ("f7", "f8", "unchanged"),
}
NHS = "(episode_key uuid, clinic_id text, is_nhs_paired boolean, nhs_phq9_pre double, "
NHS += "nhs_phq9_post double, nhs_anxiety_pre double, nhs_anxiety_post double, "
NHS += "nhs_is_reliably_recovered boolean, nhs_is_reliably_improved boolean, "
NHS += "nhs_is_reliably_deteriorated boolean)"


def write(
    path, classes: dict, *, definition: str = "a", cutoff: float = 10.0, nhs: str = ""
) -> None:
    """Write the tables a comparison reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute("create schema core; create schema quality")
        con.execute(
            "create table core.dim_instruments as select 'phq9' as instrument_id, "
            f"'standard' as version, 'client' as rater, '{definition}' as definition_version"
        )
        con.execute(
            "create table core.dim_change_methods as select 'phq9' as instrument_id, "
            "'standard' as version, 'client' as rater, 'registry' as method, 6.0 as critical, "
            f"'>=' as operator, {cutoff} as start_cutoff, '>=' as start_operator, "
            f"{cutoff} as end_cutoff, "
            "'>=' as end_operator, 'points' as kind, null as sd, null as mean, 1.0 as post_weight"
        )
        con.execute(
            "create table core.fct_episode_change (clinic_id text, episode_key uuid, "
            "instrument_id text, version text, rater text, method text, pre_response_key uuid, "
            "post_response_key uuid, score_pre double, score_post double, change_class text)"
        )
        for episode, (first, last, change_class) in classes.items():
            con.execute(
                "insert into core.fct_episode_change values "
                "('harbor', ?, 'phq9', 'standard', 'client', 'registry', ?, ?, 15, 8, ?)",
                [key(episode), key(first), key(last), change_class],
            )
        con.execute(f"create table core.fct_episodes {NHS}")
        if nhs:
            con.execute(
                "insert into core.fct_episodes values "
                "(?, 'harbor', true, 15, 8, 12, 6, ?, ?, false)",
                [key("e1"), nhs == "recovered", nhs != "unchanged"],
            )
        con.register("columns", WHAT_CHANGED.empty_table())
        con.execute(f"create table {TABLE} as select * from columns")


@pytest.fixture
def compare(home):
    """Compare a new build with a published one; return cause, from, to, episodes, compared."""

    def run(published: dict, built: dict) -> list[tuple]:
        release = home.release("2026-01-01T00-00-00Z")
        write(release, **published)
        home.published.symlink_to(release)
        write(home.building, **built)
        Ledger(home).open_run(RUN, datetime(2026, 2, 1), "x")
        compare_with_published(home, RUN, home.building)
        with duckdb.connect(str(home.building), read_only=True) as con:
            return con.execute(
                f"select method, cause, class_before, class_after, n_episodes, n_compared "
                f"from {TABLE} where run_id = '{RUN}' and earlier_run_id = '2026-01-01T00-00-00Z' "
                "order by all"
            ).fetchall()

    return run


def test_a_changed_cut_off_is_counted_from_what_to_what(compare, capsys):
    after = BEFORE | {name: (*BEFORE[name][:2], "improved") for name in ("e1", "e2")}

    moved = compare({"classes": BEFORE}, {"classes": after, "definition": "b", "cutoff": 7.0})

    assert moved == [("registry", "instrument definition", "recovered", "improved", 2, 4)]
    assert "2 class(es) of 1 measure(s)" in capsys.readouterr().err


def test_the_same_definitions_move_nobody(compare):
    assert compare({"classes": BEFORE}, {"classes": BEFORE}) == []


def test_new_and_corrected_forms_are_not_a_change_of_definition(compare):
    """e1 has a later last form, e5 is new, e4 is gone."""
    after = {
        "e1": ("f1", "f9", "deteriorated"),
        "e2": BEFORE["e2"],
        "e3": BEFORE["e3"],
        "e5": ("g1", "g2", "harmed"),
    }

    assert compare({"classes": BEFORE}, {"classes": after, "definition": "b"}) == []


def test_a_threshold_of_the_method_is_told_from_the_definition(compare):
    after = BEFORE | {"e3": ("f5", "f6", "unchanged")}

    moved = compare({"classes": BEFORE}, {"classes": after, "cutoff": 9.0})

    assert moved == [("registry", "change method", "improved", "unchanged", 1, 4)]


def test_the_nhs_pair_is_compared_too(compare):
    moved = compare({"classes": BEFORE, "nhs": "recovered"}, {"classes": BEFORE, "nhs": "improved"})

    assert moved == [("nhs_talking_therapies", "program", "recovered", "improved", 1, 1)]


def test_without_an_earlier_release_nothing_is_compared(home):
    write(home.building, BEFORE)

    assert compare_with_published(home, RUN, home.building) == 0


def test_history_comes_from_the_published_release(home, compare):
    after = BEFORE | {"e1": ("f1", "f2", "improved")}
    compare({"classes": BEFORE}, {"classes": after, "definition": "b"})
    home.published.unlink()
    home.published.symlink_to(home.building)

    keep_history(home)
    with duckdb.connect() as con:
        path = home.lake / "quality" / "what_changed.parquet"
        assert con.execute(f"select run_id, n_episodes from '{path}'").fetchall() == [(RUN, 1)]
