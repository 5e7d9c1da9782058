"""`rapport diff` on the demo: a cut-off is edited, and what moves is what moves by hand."""

from __future__ import annotations

import re
import shutil

import pytest

from pipeline.commands.diff import diff, diff_text
from pipeline.home import REPOSITORY
from pipeline.storage.ledger import Ledger

PHQ9 = "phq9.standard.client.any.yml"


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """The configuration with a PHQ-9 cut-off of 12 instead of 10."""
    config = tmp_path_factory.mktemp("edited") / "config"
    shutil.copytree(REPOSITORY / "config", config)
    path = config / "instruments" / PHQ9
    text = path.read_text(encoding="utf-8")
    assert "- value: 10\n        operator: '>='" in text
    path.write_text(text.replace("- value: 10\n", "- value: 12\n", 1), encoding="utf-8")
    return config


def test_an_edited_cutoff_moves_the_classes_it_moves_by_hand_and_nothing_is_kept(
    demo_home, edited, ask
):
    by_hand = ask(
        demo_home,
        """
        with judged as (
            select
                change_class as before,
                case
                    when not is_reliably_improved then change_class
                    when score_pre >= 12 and score_post < 12 then 'recovered'
                    else 'improved'
                end as after
            from core.fct_episode_change
            where instrument_id = 'phq9' and method = 'registry'
        )

        select before, after, count(*) from judged
        where before <> after and after in ('recovered', 'improved') group by all order by all
        """,
    )
    before = (
        files(demo_home.lake),
        files(demo_home.releases),
        len(Ledger(demo_home).audit_entries()),
    )

    found = diff(demo_home, edited)

    moved = [
        (one.before, one.after, one.n_episodes)
        for one in found.moved
        if (one.instrument, one.method) == ("phq9", "registry")
        and one.after in ("recovered", "improved")
    ]
    assert by_hand
    assert sorted(moved) == by_hand
    assert {one.instrument for one in found.moved} <= {"phq9", "phq9, gad7"}
    recovered = [
        one for one in found.numbers if "recovered" in one.row and one.row.startswith("phq9")
    ]
    assert recovered
    assert not [one for one in found.numbers if "core10" in one.row]
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", diff_text(found))
    after = files(demo_home.lake), files(demo_home.releases), len(Ledger(demo_home).audit_entries())
    assert after == before
    assert not (demo_home.scratch / "diff").exists()
