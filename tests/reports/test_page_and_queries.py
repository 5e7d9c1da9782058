"""docs/quality-queries.md against the page: what an analyst counts is what the QA lead sees.

On the database typed in by hand every question has an answer. The cells are read from the
page's HTML, the numbers from the printed queries.
"""

import re
from datetime import date, datetime
from html.parser import HTMLParser

import duckdb
import pytest

from pipeline.home import REPOSITORY
from reports.drawing.templating import (
    count,
    day,
    moment,
    percent,
    plain,
)
from tests.reports.hand_made import CLINICS, RUN

DOCS = (REPOSITORY / "docs" / "quality-queries.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"## (.+?)\n\n```sql\n(.+?)```", DOCS, flags=re.DOTALL))
PARTS = dict(re.findall(r"^\| `#([\w-]+)` \| (.+) \|$", DOCS, flags=re.MULTILINE))
LABELS = {clinic: name for clinic, _, name in CLINICS} | {None: "Published tables"}


class Tables(HTMLParser):
    """The body cells of every table of a page that has an id, without symbols."""

    def __init__(self):
        super().__init__()
        self.tables, self.sections, self._rows, self._cell, self._hidden = {}, [], None, None, 0

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "section" and "aria-labelledby" in attrs:
            self.sections.append(attrs["aria-labelledby"])
        if tag == "table":
            self._rows = self.tables.setdefault(attrs.get("id"), [])
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._cell = []
        if tag == "i" or "unseen" in attrs.get("class", ""):
            self._hidden += 1
            self._closing = tag

    def handle_endtag(self, tag):
        if self._hidden and tag == self._closing:
            self._hidden -= 1
        if tag in ("td", "th") and self._cell is not None:
            self._rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None and not self._hidden:
            self._cell.append(data)


@pytest.fixture(scope="module")
def page(reports):
    reader = Tables()
    reader.feed((reports / RUN / "index.html").read_text(encoding="utf-8"))
    reader.tables = {name: rows[1:] for name, rows in reader.tables.items()}
    return reader


@pytest.fixture(scope="module")
def ask(analytics):
    def query(question):
        with duckdb.connect(str(analytics), read_only=True) as con:
            found = con.execute(QUERIES[question])
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return query


def test_every_part_of_the_page_has_its_questions_and_every_question_a_query(page):
    asked = [question for questions in PARTS.values() for question in questions.split(" · ")]

    assert sorted([*PARTS, "legend"]) == sorted(page.sections)
    assert sorted(asked) == sorted(QUERIES)


def test_what_each_clinic_lost(ask, page):
    """Linden: 903 of 1,310 tonight; harbor: 37 rows open of all it has."""
    rows = {r["clinic_id"]: r for r in ask("What did each clinic lose, and what grade is that?")}
    shown = {row[0].split(" ", 1)[1]: row for row in page.tables["heat"]}

    assert list(rows) == ["harbor", "linden", "moor"]
    for clinic, row in rows.items():
        (cells,) = [cells for name, cells in shown.items() if name.startswith(LABELS[clinic])]
        assert cells[1].startswith(f"{count(row['n_usable'])} of {count(row['n_received'])}")
        assert cells[2].startswith(f"{row['n_open']} row" if row["n_open"] else "–")
    grades = {name: cells[0].split(" ", 1)[0] for name, cells in shown.items()}
    assert sorted(grades.values()) == ["A", "B", "D", "–"]
    assert rows["linden"]["share_of_the_night"] == 903 / 1310
    assert f"{percent(903 / 1310)} of the rows delivered lost" in page.tables["heat"][0][0]


def test_shares_of_checks_with_and_without_waivers(ask):
    rows = ask("What share of its checks passes, with and without waivers?")

    assert [tuple(r.values()) for r in rows] == [
        ("harbor", 3, 5, 3, 4), ("linden", 1, 2, 1, 2), ("moor", 1, 2, 1, 1),
    ]  # fmt: skip


def test_what_is_open(ask, page):
    rows = ask("What is open, and since when?")

    assert [(r["rule_id"], r["n_rows"]) for r in rows] == [("S04", 37), ("N02", 3)]
    shown = {row[0].split()[0]: row for row in page.tables["open-table"]}
    for row in rows:
        assert shown[row["rule_id"]][1] == f"{row['n_rows']} rows lost"
        assert shown[row["rule_id"]][2] == day(row["open_since"])
        assert shown[row["rule_id"]][4] == LABELS[row["clinic_id"]]


def test_rules_that_fall_short(ask, page):
    """The first rules of the page; those that only a waiver covers come after."""
    expected = ask("Which rule is worst, and whose is it?")
    found = [(row[1].split()[0], row[3], row[5]) for row in page.tables["checks"]]

    assert [rule for rule, *_ in found] == ["S01", "S04", "N02", "E12", "S21", "S15", "N03", "S11"]
    assert [r["rule_id"] for r in expected] == ["S01", "S04", "N02"]
    for row, (_, lost, whose) in zip(expected, found, strict=False):
        assert lost == f"{count(row['n_lost'])} rows lost"
        where = f"{LABELS[row['clinic_id']]}: {count(row['n_failed'])} of {count(row['n_scope'])}"
        assert where in whose


def test_first_seen_and_shares_over_the_runs(ask, page):
    rows = ask("Since when does a rule fail, and how has it developed?")
    s04 = [r for r in rows if (r["rule_id"], r["clinic_id"]) == ("S04", "harbor")]

    assert [r["n_failed"] for r in s04] == [0, 0, 0, 1400, 1400, 1400, 37]
    assert {r["first_seen"] for r in s04} == {datetime(2026, 11, 19, 5)}
    (cell,) = [row[5] for row in page.tables["checks"] if row[1].startswith("S04")]
    assert f"since {day(s04[0]['first_seen'])}" in cell


def test_the_map(ask, page):
    shown = {}
    for row in page.tables["heat"]:
        name = next(label for label in LABELS.values() if label in row[0])
        for number, cell in enumerate(row[3:-1]):
            if found := re.search(r"(\d+) of (\d+)", cell):
                shown[name, number] = tuple(map(int, found.groups()))
    rows = ask("Where does each clinic fall short?")
    order = sorted({r["category"] for r in rows})

    assert shown == {
        (LABELS[r["clinic_id"]], order.index(r["category"])): (r["n_pass"], r["n_applied"])
        for r in rows
        if r["n_applied"]
    }


def test_rows_to_correct(ask, page):
    shown = [
        (name.removeprefix("held-"), row[0], row[2], row[3])
        for name, rows in page.tables.items()
        if name and name.startswith("held-")
        for row in rows
    ]

    assert len(shown) == 37 + 3 + 12
    assert sorted(shown) == sorted(
        (r["rule_id"], r["clinic_id"], str(r["source_line"]), r["column_name"])
        for r in ask("Which rows, and why?")
    )


COUNTS = ("n_received", "n_loaded", "n_duplicate", "n_superseded", "n_quarantined", "n_erased")


def test_files_of_the_run_and_those_not_loaded(ask, page, reports):
    rows = ask("Where did the rows of this run's files go?")
    off = ask("Which files were not loaded, and why?")
    text = (reports / RUN / "index.html").read_text(encoding="utf-8")

    assert [row[:3] + row[4:10] for row in page.tables["files"]] == [
        [plain(r["source_file"]), r["clinic_id"], r["table_name"] or "–"]
        + [count(r[name]) for name in COUNTS]
        for r in rows
    ]
    assert [(r["clinic_id"], r["status"]) for r in off] == [
        ("linden", "refused"), ("linden", "rejected"),
    ]  # fmt: skip
    for row in off:
        assert row["reason"] in text


def test_all_files_so_far(ask, page):
    names = ("n_files", "received", "loaded", "duplicate", "superseded", "quarantined", "erased")

    assert [row[:9] for row in page.tables["totals"]] == [
        [r["clinic_id"], r["table_name"], *(count(r[name]) for name in names)]
        for r in ask("Did every row received end up somewhere?")
    ]


def test_signs_of_careless_answering(ask, page):
    rules = [
        [LABELS[r["clinic_id"]], count(r["n_failed"]), count(r["n_scope"]),
         percent(r["share_failed"])]
        for r in ask("Were forms answered with care?")
    ]  # fmt: skip
    ceiling = [
        [LABELS[r["clinic_id"]], count(r["n_at_ceiling"]), count(r["n_rated"]), percent(r["share"])]
        for r in ask("How many alliance ratings are at the ceiling?")
    ]

    assert [row[2:] for row in page.tables["styles"]] == rules + ceiling
    assert len(rules) == len(ceiling) == 1


def test_who_stops_answering(ask, page):
    months = ask("Who stops answering?")
    sessions = ask("At which session do clients stop answering?")

    assert [row[0:1] + row[2:] for row in page.tables["answering-table"]] == [
        [LABELS[r["clinic_id"]], count(r["n_answered"]), count(r["n_due"]), percent(r["share"])]
        for r in months
    ]
    assert page.tables["by-session-harbor"] == [
        [
            str(r["session_number"]),
            {"completed": "completed", "dropout": "dropped out"}[r["course_status"]],
            count(r["n_sessions"]),
            f"{count(r['n_outcome'])} {percent(r['n_outcome'] / r['n_sessions'])}",
            f"{count(r['n_alliance'])} {percent(r['n_alliance'] / r['n_sessions'])}",
        ]
        for r in sessions
    ]
    assert len(sessions) == 5


def test_who_answers_alerts(ask, page):
    """Of harbor's last twelve months; linden has ten risk alerts, one too few to say."""
    shown = page.tables["alerts-table"]

    assert [row[0:1] + row[2:] for row in shown] == [
        [
            LABELS[r["clinic_id"]],
            count(r["n_found"]),
            count(r["n_of"]),
            percent(r["share"]),
            "–" if r["median_days"] is None else f"{r['median_days']:.0f}",
        ]
        for r in ask("Who answers alerts?")
    ]
    assert [row[2:] for row in shown] == [
        ["15", "40", "37.5 %", "–"],
        ["6", "11", "54.5 %", "–"],
        ["–", "12", "–", "2"],
    ]


def test_decisions_changes_and_repairs(ask, page):
    assert [row[1:] for row in page.tables["waivers-table"]] == [
        [r["rule_id"], r["scope"], r["who"], r["why"], date.isoformat(r["valid_until"])]
        for r in ask("What is waived, and until when?")
    ]
    assert page.tables["approvals"] == [
        [r["run_id"], r["asked_because"], r["choice"], r["decided_by"], r["reason"],
         moment(r["decided_at"])]
        for r in ask("What was approved, and by whom?")
    ]  # fmt: skip
    assert [[row[1], row[2], row[4]] for row in page.tables["form-changes"]] == [
        [r["clinic_id"], r["source_file"], r["column_name"]]
        for r in ask("Whose export has changed its form?")
    ]
    assert page.tables["too-few"] == [
        [r["clinic_id"], r["message"], r["remedy"]]
        for r in ask("Of which forms are there too few to tell?")
    ]
    assert [row[1:2] + row[3:4] for row in page.tables["repaired"]] == [
        [r["clinic_id"], count(r["n_rows"])] for r in ask("What has left quarantine, and how fast?")
    ]
    assert [[row[0], row[1], *row[5:]] for row in page.tables["what-changed"]] == [
        [r["clinic_id"], r["instrument_id"], count(r["n_episodes"]), count(r["n_compared"])]
        for r in ask("Which episodes changed their class, and why?")
    ]


def test_rows_of_each_table(ask, page):
    """The page counts; the query asks the catalogue, which knows no views."""
    shown = {row[0]: row[1] for row in page.tables["table-list"]}

    for row in ask("How many rows has each table?"):
        assert shown[f"{row['schema_name']}.{row['table_name']}"] == count(row["n_rows"])
