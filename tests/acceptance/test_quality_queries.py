"""docs/quality-queries.md runs as printed; dbt's tests and the rules on tables stand beside."""

from __future__ import annotations

import re

import duckdb
import pytest

from pipeline.home import REPOSITORY
from pipeline.steps.publish import published_run
from reports.validation.headline import headlines
from reports.validation.tables import read_run_quality

PAGE = (REPOSITORY / "docs" / "quality-queries.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"## (.+?)\n\n```sql\n(.+?)```", PAGE, flags=re.DOTALL))
# A demo night loads every file, asks nobody, waives nothing, repairs nothing and has nothing to
# compare with. The same queries on rows typed in by hand: tests/reports/test_page_and_queries.py.
MAY_BE_EMPTY = (
    "not loaded", "waived", "left quarantine", "changed its form", "changed their class", "too few",
    "approved",
)  # fmt: skip


def test_every_question_is_read_from_the_page():
    assert len(QUERIES) == PAGE.count("\n## ") == 24


@pytest.mark.parametrize("question", QUERIES)
def test_each_query_runs_and_answers(demo_home, ask, question):
    rows = ask(demo_home, QUERIES[question])

    assert rows or any(words in question for words in MAY_BE_EMPTY)


def test_dbt_tests_are_results_without_a_clinic(demo_home, ask):
    """All pass, else nothing were published; none belongs to a clinic or a file."""
    rows = ask(
        demo_home,
        "select state, count(*), count(clinic_id), count(file_id), "
        "count(*) filter (table_name = 'core.fct_scores') from quality.dq_rule_results "
        "where title like 'dbt test %' group by state",
    )

    ((state, n, n_with_clinic, n_with_file, n_about_scores),) = rows
    assert (state, n_with_clinic, n_with_file) == ("pass", 0, 0)
    assert n > 70  # one per table, and those between tables
    assert n_about_scores >= 1


def test_rules_on_finished_tables_have_a_result_for_every_clinic(demo_home, ask):
    """Promises that would stop the night are kept; a rule is silent about no clinic."""
    rows = ask(
        demo_home,
        "select rule_id, count(distinct clinic_id), bool_or(state = 'error'), "
        "bool_or(state = 'fail' and severity = 'fatal') from quality.dq_rule_results "
        "where rule_id in ('E09', 'E10', 'E11', 'E12', 'N13', 'S10', 'S11', 'S27', 'S30', 'S33', "
        "'N20', 'S40', 'T05', 'T06', 'P01', 'P09') group by rule_id",
    )

    assert len(rows) == 16
    assert {(n, has_error, is_broken) for _, n, has_error, is_broken in rows} == {(3, False, False)}


def test_the_headline_reads_the_run(demo_home):
    quality = read_run_quality(demo_home.published.resolve(), published_run(demo_home))
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        found = headlines(con, quality)[None]

    assert 0.5 < found.pass_share < 1
    assert 0.9 < found.usable_share < 1
    assert "rows usable" in found.text
    assert f"{found.n_open_rows} rows open since" in found.text.replace(",", "")


def test_the_queries_for_counts_on_the_check_pages_run(demo_home):
    """Every page ends in its counts; that of a rule on rows also asks for them."""
    pages = sorted((REPOSITORY / "docs" / "checks").glob("[A-Z][0-9][0-9].md"))
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        for page in pages:
            counts = page.read_text(encoding="utf-8").partition("## Counts of every run")[2]
            answers = [
                con.execute(query).fetchall()
                for query in re.findall(r"```sql\n(.+?)```", counts, flags=re.DOTALL)
            ]
            assert answers, page.name
            if page.stem != "P11":  # has rows only where a clinic was left out
                assert answers[0], page.name
