"""The page of a run and the index, as files."""

import csv
import json
import re
import shutil

import duckdb
import pytest

from pipeline.storage.remarks import Remark
from reports.validation.page import Guidance, write_index, write_report
from tests.reports.hand_made import CANARY, HOSTILE, RUN, WHOLE_KEY


@pytest.fixture(scope="module")
def page(reports):
    return (reports / RUN / "index.html").read_text(encoding="utf-8")


def text_of(html):
    """What a reader sees, without tags."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_headline_counts_rows_files_clinics_and_what_is_open(page):
    """Typed by hand: 17,340 + 1,310 + 5,000 rows came; 37 + 3 are held, 900 of a rejected file."""
    text = text_of(page)

    assert (
        "96 % of 23,650 rows usable, 2 of 7 files not loaded, 1 of 4 clinics sent nothing, "
        "40 rows and 1 file open since 22 Nov 2026, 2 waivers, 1 expires in 5 days, 1 expired"
    ) in text
    assert "5 of 9 checks passed, 3 fell short, 1 could not run." in text
    assert "2 of those that fell short are waived; not counting them, 71.4 % passed." in text
    assert "Worst: S01 Each response has its own id , Linden Street Clinic: 900 rows lost" in text
    assert "Our own tables: 1 of 1 audit passed." in text


def test_the_worst_rule_is_the_first_row(page):
    first = page[page.index('id="checks"') :]
    first = re.search(r'<tr role="row" data-state.*?</tr>', first, re.S).group()

    assert "S01" in first
    assert "fail:linden" in first
    assert "900 of 900" in first


def test_refused_and_rejected_files_carry_reason_and_remedy(page):
    section = page[page.index('id="not-loaded"') : page.index('id="open"')]

    assert section.index("Refused</span>") < section.index("Rejected</span>")
    assert "The file is not text and not a workbook. Export it again as CSV in UTF-8." in section
    assert "landing/linden/" in section


def test_a_rejected_file_of_several_tables_is_told_once_with_how_to_accept_its_form(
    analytics, tmp_path
):
    copy = shutil.copy(analytics, tmp_path / "analytics.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "UPDATE quality.dq_balance SET status = 'rejected', reason = 'F12 The form …' "
            "WHERE file_id = 'm1'"
        )
        connection.execute(
            "INSERT INTO quality.dq_balance BY NAME "
            "SELECT * REPLACE ('clients' AS table_name) FROM quality.dq_balance "
            "WHERE file_id = 'm1'"
        )

    page = write_report(copy, tmp_path, RUN).read_text(encoding="utf-8")
    section = page[page.index('id="not-loaded"') : page.index('id="open"')]

    assert section.count("F12 The form …") == 1
    assert section.count("accept_form_change: [") == 1


def test_a_file_that_waits_is_told_without_alarm(analytics, tmp_path):
    remarks = [Remark("landing/a/b.csv.part", "it waits", waits=True), Remark("loose.csv", "move")]

    page = write_report(analytics, tmp_path, RUN, remarks=remarks).read_text(encoding="utf-8")

    assert '<p class="notice waits"><b>landing/a/b.csv.part</b>' in page
    assert '<p class="notice"><b>loose.csv</b>' in page


def test_a_file_held_back_is_not_the_clinics_to_correct(analytics, tmp_path):
    copy = shutil.copy(analytics, tmp_path / "analytics.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "UPDATE quality.dq_balance SET status = 'held', reason = 'Nobody approved it.' "
            "WHERE file_id = 'm1'"
        )

    page = write_report(copy, tmp_path, RUN).read_text(encoding="utf-8")
    index = write_index(tmp_path).read_text(encoding="utf-8")
    section = page[page.index('id="not-loaded"') : page.index('id="open"')]

    assert "3 of 7 files not loaded" in text_of(page)
    assert "Held back</span>" in section
    assert "Nobody approved it." in section
    assert "What to do: nothing at the clinic." in section
    assert "1 refused, 1 rejected, 1 held back" in index


def test_a_clinic_that_delivered_nothing_is_named(page):
    assert re.search(r"Quay Practice.*?Nothing came in this run, and nothing is open", page, re.S)


def test_checks_on_the_published_tables_stand_apart(page):
    grid = page[page.index('id="heat"') : page.index('id="new"')]
    audits = page[page.index('id="audits"') : page.index('id="tables"')]

    assert "Published tables" not in grid
    assert "All 1 audit passed." in text_of(audits)


def test_an_error_shows_no_share_as_if_nothing_had_failed(page):
    row = re.search(r'<tr role="row" data-state="error".*?</tr>', page, re.S).group()

    assert "Moor Counseling Service: could not run" in text_of(row)
    assert "0 of 5,000" not in row
    assert "0 %" not in row
    assert "data team, not for the clinic" in row


def test_every_quarantined_row_is_listed_with_line_column_and_short_key(page):
    rows = re.findall(r'<span class="key">(5eed\d{4})</span>', page)

    assert rows == [f"5eed{i:04d}" for i in range(37)]
    assert WHOLE_KEY not in page
    assert "<code>item_12</code>" in page


def test_the_csv_holds_the_complete_list(reports):
    with (reports / RUN / "rows-S04.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))

    assert len(rows) == 37
    assert (rows[36]["source_line"], rows[36]["row_key"]) == ("352", "5eed0036")


def test_the_balance_sheet_shows_where_each_row_of_a_file_went(page):
    """14,240 = 14,198 loaded + 3 duplicate + 2 superseded + 37 quarantined."""
    row = re.search(r'<th scope="row" class="file">responses_2026-11.csv.*?</tr>', page, re.S)

    numbers = re.findall(r'<td class="n">([\d,]+)</td>', row.group())
    assert numbers == ["14,240", "14,198", "3", "2", "37", "0"]
    assert "Adds up" in row.group()


def test_rows_held_back_stand_before_rows_that_were_loaded_and_flagged(page):
    lists = re.findall(r"<summary>(\w+) .*?>(Held back|Flagged): (\d+ \w+)", page)

    assert lists == [
        ("S04", "Held back", "37 entries"),
        ("N02", "Held back", "3 entries"),
        ("S15", "Flagged", "12 entries"),
    ]


def test_a_file_without_rows_of_its_own_is_not_balanced(page):
    row = re.search(r"<th scope=\"row\" class=\"file\">dictionary.csv.*?</tr>", page, re.S).group()

    assert "No rows" in row


def test_a_file_that_was_not_read_does_not_claim_to_add_up(page):
    row = re.search(r'<tr><th scope="row" class="file">&lt;img.*?</tr>', page, re.S).group()

    assert "Not read" in row
    assert "Adds up" not in row


def test_tables_are_counted_and_described(page):
    row = re.search(r"<code>core.fct_scores</code>.*?</tr>", page, re.S).group()

    assert "1,234" in row
    assert "One row per completed questionnaire and scale." in row


def test_a_hostile_file_name_stays_text(page):
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;\\u202efdp.csv" in page
    assert "<img" not in page


def test_no_page_shows_a_cell_or_fetches_anything(reports):
    pages = [path for path in reports.rglob("*") if path.is_file() and path.suffix != ".xlsx"]

    assert len(pages) == 9  # index, page, summary, three lists of rows, three issue lists
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert CANARY not in text, path.name
        assert not re.search(r"https?:|//[a-z]|@import|url\(", text), path.name


def test_only_the_pages_own_script_may_run(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(
        r"<[^>]+\s(style|on[a-z]+)=", re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    )


def test_every_header_cell_has_a_scope(page):
    headers = re.findall(r"<th\b[^>]*>", page)

    assert len(headers) > 40
    assert [header for header in headers if "scope=" not in header] == []


def test_every_state_is_a_symbol_and_a_word(page):
    states = re.findall(
        r'<span class="state [a-z_]+"><i aria-hidden="true">(.)</i>([^<]*)</span>', page
    )

    assert len(states) == page.count('<span class="state ')
    assert all(word.strip() for _, word in states)


def test_guidance_of_the_catalogue_replaces_the_general_words(analytics, tmp_path):
    guidance = {"S04": Guidance("A base-1 export shifts every score.", "Export raw codes.")}

    page = write_report(analytics, tmp_path, RUN, guidance=guidance).read_text(encoding="utf-8")

    assert "A base-1 export shifts every score." in page
    assert "Export raw codes." in page


def test_the_same_release_gives_the_same_page(analytics, reports, tmp_path):
    again = write_report(analytics, tmp_path, RUN)

    assert again.read_bytes() == (reports / RUN / "index.html").read_bytes()
    assert sorted(p.name for p in tmp_path.rglob("*.part")) == []


def test_a_run_without_results_still_has_a_page(analytics, tmp_path):
    page = write_report(analytics, tmp_path, "2026-11-23").read_text(encoding="utf-8")

    assert "No check applied in this run" in page
    assert "nothing was delivered" in page.lower()
    assert "Adds up" not in page[page.index('id="balance"') : page.index("All accepted files")]


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "/etc"])
def test_a_run_id_cannot_leave_the_reports_folder(analytics, tmp_path, run_id):
    with pytest.raises(ValueError, match="one folder"):
        write_report(analytics, tmp_path, run_id)


def test_the_longest_list_moves_to_its_own_page_in_full(analytics, tmp_path):
    copy = shutil.copy(analytics, tmp_path / "analytics.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            """
            INSERT INTO quality.dq_quarantine
            SELECT 'responses', 'moor', 'm1', '=cmd()', NULL, i, NULL, 'S05', 'A rule',
                   'item_1', '@SUM(A1)', 'quarantine', NULL, NULL, 'open', NULL, NULL, NULL, NULL
            FROM range(4949) AS r (i)
            """
        )

    write_report(copy, tmp_path / "reports", RUN)

    folder = tmp_path / "reports" / RUN
    own_page = (folder / "rows-S05.html").read_text(encoding="utf-8")
    assert own_page.count("@SUM(A1)") == 4949
    assert "5eed0036" in (folder / "index.html").read_text(encoding="utf-8")
    assert "@SUM(A1)" not in (folder / "index.html").read_text(encoding="utf-8")
    assert '<a href="rows-S05.html">' in (folder / "index.html").read_text(encoding="utf-8")
    cells = [line.split(",") for line in (folder / "rows-S05.csv").read_text().splitlines()]
    assert cells[1][2] == "'=cmd()"
    assert cells[1][7] == "'@SUM(A1)"


def test_the_index_lists_runs_newest_first_and_says_which_is_published(reports, tmp_path):
    for run_id, run_at in [("a", "2026-11-20 05:00"), ("b", "2026-11-21 05:00"), ("c", None)]:
        run = json.loads((reports / RUN / "run.json").read_text(encoding="utf-8"))
        (tmp_path / run_id).mkdir()
        summary = json.dumps(run | {"run_id": run_id, "run_at": run_at})
        (tmp_path / run_id / "run.json").write_text(summary, encoding="utf-8")

    index = write_index(tmp_path, ["a", "b"], published="a").read_text(encoding="utf-8")

    rows = re.findall(r'rowheader"><a href="(\w)/index.html".*?</tr>', index, re.S)
    assert rows == ["b", "a", "c"]
    by_run = dict(
        re.findall(r'rowheader"><a href="(\w)/.*?(Published|Kept|Not kept)</span>', index, re.S)
    )
    assert by_run == {"a": "Published", "b": "Kept", "c": "Not kept"}


def test_an_index_that_knows_no_releases_does_not_guess(reports, tmp_path):
    (tmp_path / "a").mkdir()
    shutil.copy(reports / RUN / "run.json", tmp_path / "a" / "run.json")

    index = write_index(tmp_path).read_text(encoding="utf-8")

    assert not re.search(r">(Published|Kept|Not kept)</span>", index)


def test_the_index_leads_to_the_worst_rule(reports):
    index = (reports / "index.html").read_text(encoding="utf-8")

    target = re.search(rf'Worst: <a href="{RUN}/index.html#([^"]+)">S01', index).group(1)
    assert f'id="{target}"' in (reports / RUN / "index.html").read_text(encoding="utf-8")


def test_an_index_without_runs_says_what_to_do(tmp_path):
    index = write_index(tmp_path, []).read_text(encoding="utf-8")

    assert "No run has a report yet" in index
    assert "landing folder" in index


def test_great_expectations_own_pages_are_linked_where_they_are(analytics, reports, tmp_path):
    docs = tmp_path / "data_docs" / "index.html"
    docs.parent.mkdir()
    docs.write_text("suites", encoding="utf-8")
    pages = [write_report(analytics, tmp_path, RUN), write_index(tmp_path, [RUN])]

    for page in pages:
        (link,) = re.findall(r'href="([^"]*data_docs[^"]*)"', page.read_text(encoding="utf-8"))
        assert (page.parent / link).resolve() == docs.resolve()
    for page in (reports / RUN / "index.html", reports / "index.html"):
        assert "data_docs" not in page.read_text(encoding="utf-8")
