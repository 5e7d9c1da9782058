"""The parts beside the checks, and a clinic that has nothing to correct."""

import re
import shutil

import duckdb
import pytest

from reports.validation.findings import read_findings
from reports.validation.page import write_report
from reports.validation.tables import read_run_quality
from tests.reports.hand_made import RUN


@pytest.fixture
def database(analytics, tmp_path):
    return shutil.copyfile(analytics, tmp_path / "analytics.duckdb")


def test_repaired_rows_leave_the_list_and_are_counted(database):
    """Three rows of N02, repaired after 0, 2 and 4 days: the middle one is 2."""
    quality = read_run_quality(database, RUN)
    with duckdb.connect(str(database)) as con:
        con.execute(
            "UPDATE quality.dq_quarantine SET status = 'fixed', fixed_how = 'deleted', "
            "fixed_at = first_seen + to_days(((source_line - 12) * 2)::INTEGER) "
            "WHERE rule_id = 'N02'"
        )
        rows = read_findings(con, quality).parts["repaired"]

    found = [(r["how"], r["clinic_id"], r["rule_id"], r["n_rows"], r["median_days"]) for r in rows]
    assert found == [
        ("corrected", "linden", "N04", 2, 2.0),
        ("deleted", "linden", "N02", 3, 2.0),
        ("waived", "linden", "N04", 1, None),
    ]
    assert "held-N02" not in write_report(database, database.parent, RUN).read_text("utf-8")


def test_a_clean_clinic_shows_no_failure(database):
    with duckdb.connect(str(database)) as con:
        con.execute("DELETE FROM quality.dq_rule_results WHERE clinic_id <> 'moor'")
        con.execute("DELETE FROM quality.dq_rule_results WHERE state = 'error'")
        con.execute("DELETE FROM quality.dq_balance WHERE clinic_id <> 'moor'")
        for table in ("quarantine", "waivers", "form_changes"):
            con.execute(f"DELETE FROM quality.dq_{table}")

    page = write_report(database, database.parent, RUN)
    findings = page.read_text("utf-8").split('<h2 id="legend">')[0].split('<main id="content"')[1]

    for state in ("fail", "error", "open"):
        assert f'class="state {state}"' not in findings
        assert f'class="mark {state}"' not in findings
    assert re.findall(r'class="grade small (\S+)"', findings) == ["–"] * 3 + ["A"]
    assert not list(page.parent.glob("issues-*"))
