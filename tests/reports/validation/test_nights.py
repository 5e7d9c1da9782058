"""The definitions of docs/report.md on a table of nights: headline, grades, worst rule, index."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import duckdb
import pytest

from reports.validation.grades import grade_clinics, worst_of
from reports.validation.headline import headlines
from reports.validation.page import write_index, write_report
from reports.validation.tables import read_run_quality
from tests.reports.hand_made import SCHEMA

RUN, LAST_WEEK = "2026-11-22T05-00-00Z", "2026-11-15T05-00-00Z"
TONIGHT, BEFORE = datetime(2026, 11, 22, 5), datetime(2026, 11, 15, 5)
CLINICS = ("ash", "birch", "cedar", "dogwood")


class Nights:
    """A quality database with four clinics that delivered a week ago; a test adds tonight."""

    def __init__(self, path):
        self.path = path
        with duckdb.connect(str(path)) as con:
            con.execute(SCHEMA)
            con.execute("ALTER TABLE quality.dq_quarantine ADD COLUMN client_key UUID")
            con.execute("CREATE TABLE core.dim_clients (clinic_id VARCHAR, client_key UUID)")
            for clinic in CLINICS:
                con.execute(
                    "INSERT INTO core.dim_clinics VALUES (?, ?, ?, true, true, NULL)",
                    [clinic, clinic, clinic.title()],
                )
                con.execute(
                    "INSERT INTO core.dim_clients SELECT ?, md5(? || i)::UUID FROM range(200) r(i)",
                    [clinic, clinic],
                )
                self.file(con, clinic, "old", run=LAST_WEEK, at=BEFORE)

    def file(self, con, clinic, file_id, *, status="accepted", n=1000, held=0, run=RUN, at=TONIGHT):
        table, loaded = ("responses", n - held) if status != "refused" else (None, 0)
        con.execute(
            "INSERT INTO quality.dq_balance VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, 0, 0, 0, ?, 0,"
            " true)",
            [clinic, f"{clinic}-{file_id}", f"{file_id}.csv", table, at, run, status,
             n if table else 0, loaded if status == "accepted" else 0, held],
        )  # fmt: skip

    def check(self, con, clinic, rule, state="pass", *, n_failed=0, severity="quarantine",
              file_id="new", run=RUN, at=TONIGHT, waived=False):  # fmt: skip
        con.execute(
            "INSERT INTO quality.dq_rule_results VALUES (?, ?, ?, ?, ?, 'responses', ?, 'A rule',"
            " 'conformance', ?, 1000, ?, ? / 1000, 0, ?, NULL, ?, NULL, NULL, NULL, NULL)",
            [run, at, clinic, f"{clinic}-{file_id}" if clinic else None, f"{file_id}.csv", rule,
             severity, n_failed, n_failed, state, waived],
        )  # fmt: skip

    def rows(self, con, clinic, rule, n, *, file_id="new", status="open", at=TONIGHT, clients=None):
        """Hold back ``n`` rows of as many clients, or of fewer."""
        con.execute(
            """
            INSERT INTO quality.dq_quarantine BY NAME
            SELECT 'responses' AS table_name, $clinic AS clinic_id, $file AS file_id,
                $name AS source_file, i AS source_line, md5($file || $rule || i)::UUID AS row_key,
                md5($clinic || (i % $clients))::UUID AS client_key, $rule AS rule_id,
                'A rule' AS title, 'why' AS reason, 'quarantine' AS severity, $at AS first_seen,
                $at AS last_seen, $status AS status
            FROM range($n) r(i)
            """,
            {"clinic": clinic, "file": f"{clinic}-{file_id}", "name": f"{file_id}.csv", "n": n,
             "rule": rule, "at": at, "status": status, "clients": clients or n},
        )  # fmt: skip

    def good(self, con, *clinics):
        for clinic in clinics:
            self.file(con, clinic, "new")
            self.check(con, clinic, "S04")


def all_good(nights, con):
    nights.good(con, *CLINICS)


def one_bad_row(nights, con):
    nights.good(con, *CLINICS[1:])
    nights.file(con, "ash", "new", held=1)
    nights.check(con, "ash", "S04", n_failed=1)
    nights.rows(con, "ash", "S04", 1)


def one_file_refused(nights, con):
    """A bad row of another clinic is the smaller harm: nobody knows what the file holds."""
    one_bad_row(nights, con)
    nights.file(con, "birch", "other", status="refused")
    nights.check(con, "birch", "F01", "fail", severity="fatal", file_id="other", n_failed=1)


def nothing_delivered(nights, con):
    """Such a night has a page when the configuration changed. Our own tables are audited."""
    nights.check(con, None, "P03", "fail", severity="warn", n_failed=5)
    nights.check(con, "ash", "E09", severity="warn")


def half_of_clinics_missing(nights, con):
    nights.good(con, "ash", "birch")


def open_for_a_week(nights, con):
    """35 rows of 30 clients: of 1,035 rows; the clients have others that can be used."""
    nights.good(con, *CLINICS[1:])
    nights.rows(con, "ash", "N02", 35, file_id="old", at=BEFORE, clients=30)


def clients_lost(nights, con):
    """The same, but nothing else of the 30 clients, of 200, is there: few rows, many clients."""
    open_for_a_week(nights, con)
    con.execute(
        "DELETE FROM core.dim_clients WHERE (clinic_id, client_key) IN "
        "(SELECT (clinic_id, client_key) FROM quality.dq_quarantine)"
    )


def open_for_a_week_and_waived(nights, con):
    nights.good(con, *CLINICS[1:])
    nights.rows(con, "ash", "N02", 35, file_id="old", at=BEFORE, clients=30, status="waived")
    nights.rows(con, "birch", "S05", 2, file_id="old", at=BEFORE)


def a_whole_file_rejected(nights, con):
    """Three rows broke the rule; it took a thousand of them away."""
    nights.good(con, *CLINICS[1:])
    nights.file(con, "ash", "new", status="rejected", held=1000)
    nights.check(con, "ash", "S01", "fail", severity="fatal", n_failed=3)
    nights.rows(con, "ash", "FILE", 997, clients=150)
    nights.rows(con, "ash", "S01", 3)
    nights.check(con, "ash", "S15", "fail", severity="warn", n_failed=900)


def only_a_waived_rule(nights, con):
    nights.good(con, *CLINICS)
    nights.check(con, "ash", "E12", "fail", severity="warn", n_failed=400, waived=True)


TABLE = [
    (all_good, "100 % of 4,000 rows usable", "AAAA", None),
    (one_bad_row, "99.9 % of 4,000 rows usable, 1 row open since 22 Nov 2026", "BAAA", "S04 ash"),
    (
        one_file_refused,
        "99.9 % of 4,000 rows usable, 1 of 5 files not loaded, 1 row and 1 file open since "
        "22 Nov 2026",
        "BDAA",
        "F01 birch",
    ),
    (nothing_delivered, "nothing was delivered", "––––", None),
    (
        half_of_clinics_missing,
        "100 % of 2,000 rows usable, 2 of 4 clinics sent nothing",
        "AA––",
        None,
    ),
    (
        open_for_a_week,
        "100 % of 3,000 rows usable, 1 of 4 clinics sent nothing, 35 rows open since 15 Nov 2026",
        "BAAA",
        "N02 ash",
    ),
    (
        clients_lost,
        "100 % of 3,000 rows usable, 1 of 4 clinics sent nothing, 35 rows open since 15 Nov 2026",
        "DAAA",
        "N02 ash",
    ),
    (
        open_for_a_week_and_waived,
        "100 % of 3,000 rows usable, 1 of 4 clinics sent nothing, 2 rows open since 15 Nov 2026",
        "–BAA",
        "S05 birch",
    ),
    (
        a_whole_file_rejected,
        "75 % of 4,000 rows usable, 1 of 4 files not loaded, 1,000 rows open since 22 Nov 2026",
        "DAAA",
        "S01 ash",
    ),
    (only_a_waived_rule, "100 % of 4,000 rows usable", "AAAA", None),
]


@pytest.fixture
def nights(tmp_path):
    return Nights(tmp_path / "analytics.duckdb")


def read(nights, night):
    with duckdb.connect(str(nights.path)) as con:
        night(nights, con)
    quality = read_run_quality(nights.path, RUN)
    with duckdb.connect(str(nights.path), read_only=True) as con:
        return quality, headlines(con, quality)


@pytest.mark.parametrize(
    ("night", "text", "grades", "worst"), TABLE, ids=[night.__name__ for night, *_ in TABLE]
)
def test_a_night(nights, night, text, grades, worst):
    quality, found = read(nights, night)
    given = {graded.clinic.clinic_id: graded.grade for graded in grade_clinics(quality)}
    named = worst_of(quality.checks)

    assert found[None].text == text
    assert "".join(given[clinic] for clinic in CLINICS) == grades
    assert (named and f"{named.rule_id} {named.clinic_id}") == worst


def test_what_is_lost_is_counted_by_rows_and_clients(nights):
    quality, _ = read(nights, a_whole_file_rejected)
    worst = worst_of(quality.checks)
    (ash,) = [one for one in grade_clinics(quality) if one.clinic.clinic_id == "ash"]

    assert (worst.n_lost, worst.n_lost_clients) == (1000, 150)
    assert ash.meaning == "100 % of the rows delivered lost"


@pytest.mark.parametrize(
    ("n_lost", "grade"), [(0, "A"), (1, "B"), (50, "B"), (51, "C"), (100, "C"), (101, "D")]
)
def test_both_ends_of_each_grade(nights, n_lost, grade):
    """Of 1,000 rows; all of one client, of 200, so that the clients do not decide."""

    def night(nights, con):
        nights.file(con, "ash", "new", held=n_lost)
        nights.check(con, "ash", "S04", n_failed=n_lost)
        if n_lost:
            nights.rows(con, "ash", "S04", n_lost, clients=1)

    quality, _ = read(nights, night)

    assert grade_clinics(quality)[0].grade == grade or n_lost == 0
    assert {g.clinic.clinic_id: g.grade for g in grade_clinics(quality)}["ash"] == grade


def test_waived_rows_count_in_the_grade_as_if_there_were_no_waivers(nights):
    quality, _ = read(nights, open_for_a_week_and_waived)
    ash = {graded.clinic.clinic_id: graded for graded in grade_clinics(quality)}["ash"]

    assert (ash.grade, ash.grade_without_waivers, ash.age_days) == ("–", "B", 7)


def test_a_refused_file_is_open_until_one_of_its_name_is_accepted(nights):
    def refused(nights, con):
        nights.good(con, *CLINICS[1:])
        nights.file(con, "ash", "odd", status="refused", run=LAST_WEEK, at=BEFORE)
        nights.check(con, "ash", "F01", "fail", severity="fatal", n_failed=1, file_id="odd",
                     run=LAST_WEEK, at=BEFORE)  # fmt: skip

    quality, found = read(nights, refused)
    assert found["ash"].text == ("nothing was delivered, 1 file open since 15 Nov 2026")
    assert worst_of(quality.checks).rule_id == "F01"
    assert {g.clinic.clinic_id: g.grade for g in grade_clinics(quality)}["ash"] == "D"

    def corrected(nights, con):
        con.execute(
            "INSERT INTO quality.dq_balance SELECT * REPLACE ('again' AS file_id, 'accepted' AS "
            "status, $run AS run_id, 'responses' AS table_name) FROM quality.dq_balance "
            "WHERE source_file = 'odd.csv'",
            {"run": RUN},
        )

    quality, found = read(nights, corrected)
    assert found["ash"].n_open_files == 0
    assert worst_of(quality.checks) is None


def test_page_summary_and_index_name_the_same_worst_rule(nights, tmp_path):
    with duckdb.connect(str(nights.path)) as con:
        open_for_a_week(nights, con)
    page = write_report(nights.path, tmp_path / "reports", RUN).read_text(encoding="utf-8")
    index = write_index(tmp_path / "reports").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "reports" / RUN / "run.json").read_text(encoding="utf-8"))
    words = [" ".join(re.sub(r"<[^>]+>", "", text).split()) for text in (page, index)]

    for text in words:
        assert "Worst: N02 A rule, Ash: 35 rows of 30 clients lost" in text
        assert kept["headline"] in text
    assert timedelta(days=7) == TONIGHT - BEFORE
    assert kept["worst"]["n_lost_clients"] == 30
