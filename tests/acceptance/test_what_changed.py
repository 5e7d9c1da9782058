"""A night after somebody edited a definition says which classes moved."""

import os
import shutil

import duckdb
import pytest

from pipeline.audit.class_changes import TABLE
from pipeline.home import REPOSITORY, Home
from pipeline.steps.summary import summary_text


@pytest.mark.slow
def test_a_night_after_a_changed_cut_off_says_who_moved(demo_home, night, tmp_path):
    """PHQ-9 cut-off from 10 to 7: some recovered are no longer; the summary says so."""
    root = tmp_path / "home"
    shutil.copytree(demo_home.root, root, symlinks=True)
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    definition = tmp_path / "config" / "instruments" / "phq9.standard.client.any.yml"
    text = definition.read_text(encoding="utf-8")
    assert "      - value: 10\n" in text
    definition.write_text(text.replace("      - value: 10\n", "      - value: 7\n", 1), "utf-8")
    place = Home(root, tmp_path / "config")

    assert night(place) == "success"
    with duckdb.connect(os.path.realpath(place.published), read_only=True) as con:
        rows = con.execute(
            f"select class_before, class_after, sum(n_episodes) from {TABLE} "
            "where method = 'registry' and instrument_id = 'phq9' group by all"
        ).fetchall()
        causes = con.execute(
            f"select distinct cause from {TABLE} where instrument_id = 'phq9'"
        ).fetchall()

    assert ("recovered", "improved") in {row[:2] for row in rows}
    assert causes == [("instrument definition",)]
    assert "Classes that moved on the same forms" in summary_text(
        place, place.published.resolve().parent.name
    )
