"""Great Expectations' own pages: from the results of a run, offline, in a browser, no value."""

import re
from datetime import datetime

import duckdb
import pandas as pd
import pytest

from expectations.catalogue import Catalogue, load_rules
from expectations.judging.judge import judge
from expectations.marking.marking import COUNTS
from expectations.published.suites import check_marts
from tests.needs import CHROMIUM, require

RUN, RUN_AT = "2026-01-01T06-00-00Z", datetime(2026, 1, 1, 6, 0)
CANARY = "Kanarienvogel"
# Outside of its range, and no other number of these pages.
BROKEN_ESTIMATE = 7.7315
# Rules about questionnaires in the four states: file, rows in scope, broken, error.
COUNTED = {
    "S04": ("f1", 1500, 3, None),
    "S05": ("f1", 1500, 0, None),
    "S06": ("f1", 0, 0, None),
    "S07": ("f1", 1500, 0, f"Conversion Error: {CANARY}"),
}


@pytest.fixture(scope="module")
def validations(tmp_path_factory):
    """What Great Expectations said of made-up counts and of a mart with one broken estimate."""
    place = tmp_path_factory.mktemp("judged")
    kept = place / "validations"
    catalogue = load_rules()
    own = Catalogue(rules=tuple(rule for rule in catalogue.rules if rule.id in COUNTED))
    with duckdb.connect(str(place / "analytics.duckdb")) as con:
        typed = ", ".join(f"{column} {kind}" for column, kind in COUNTS.items())
        con.execute(f"create table counts ({typed})")
        for rule, (file, *counted) in COUNTED.items():
            row = (RUN, CANARY, file, f"{CANARY}.csv", "responses", rule, *counted)
            con.execute("insert into counts values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        con.execute(f"copy counts to '{place / 'counts.parquet'}' (format parquet)")
        con.execute("create schema common_factors")
        con.execute(
            f"""
            create table common_factors.cf_alliance_outcome as
            select {BROKEN_ESTIMATE} as estimate, 0.2 as ci_low, 0.3 as ci_high,
                0.2 as adjusted_r,
                0.3 as zero_order_r, 0.3 as spearman_r, 12 as n_clients, 1.0 as benchmark_value,
                '{CANARY}' as benchmark_source, true as benchmark_is_comparable,
                '{CANARY}' as benchmark_why_not
            """
        )
    judge([place / "counts.parquet"], own, RUN, RUN_AT, kept)
    check_marts(place / "analytics.duckdb", RUN, RUN_AT, validations=kept)
    return kept


@pytest.fixture(scope="module")
def docs(validations, tmp_path_factory):
    """The index of the pages, in a folder of reports."""
    from expectations.judging.data_docs import write_data_docs

    reports = tmp_path_factory.mktemp("reports")
    for page in (reports / "index.html", reports / RUN / "index.html"):
        page.parent.mkdir(exist_ok=True)
        page.write_text("<!DOCTYPE html><title>Ours</title>")
    return write_data_docs(validations, reports / "data_docs", RUN, RUN_AT)


@pytest.fixture(scope="module")
def browser():
    program = require(CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    """A tab without network that fails the test on any request elsewhere or refused."""
    context = browser.new_context(offline=True)
    page, trouble = context.new_page(), []
    page.set_default_timeout(5000)
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on("request", lambda request: request.url.startswith("file:") or trouble.append("request"))
    yield page
    context.close()
    assert trouble == []


def pages_of(docs):
    return sorted(docs.parent.resolve().rglob("*.html"))


def test_every_page_can_be_reached_from_the_index_and_loads_nothing_else(tab, docs):
    to_visit, seen = [docs.resolve().as_uri()], set()
    while to_visit:
        url = to_visit.pop()
        tab.goto(url)
        seen.add(url)
        links = tab.eval_on_selector_all("a[href]", "all => all.map(a => a.href.split('#')[0])")
        to_visit += [link for link in set(links) if link not in seen | set(to_visit)]

    reports = docs.parent.resolve().parent
    ours = {reports / "index.html", reports / RUN / "index.html"}
    assert seen == {page.as_uri() for page in {*pages_of(docs), *ours}}


def test_the_index_shows_the_state_of_each_suite(tab, docs):
    tab.goto(docs.as_uri())

    rows = [row.inner_text().split("\t") for row in tab.locator("tbody tr").all()]
    # Two parts of the mart: its values, and the rows that have a benchmark.
    assert [[cell.strip() for cell in row[:5]] for row in rows] == [
        ["cf_alliance_outcome", "Failed", "9", "7", "2"],
        ["responses", "Failed", "4", "2", "2"],
    ]


def test_a_page_shows_our_four_states_in_words(tab, docs):
    tab.goto(docs.as_uri())
    tab.get_by_role("link", name="responses", exact=True).click()

    shown = set()
    for row in tab.locator("table tr:has(td i)").all():
        cells = [" ".join(cell.inner_text().split()) for cell in row.locator("td").all()]
        symbol = row.locator("i").evaluate("i => getComputedStyle(i, '::before').content")
        shown.add((*cells, symbol))
    titles = {rule.id: f"{rule.id} {rule.title}" for rule in load_rules().rules}
    assert shown == {
        ("Fail", titles["S04"], "3 of 1500 rows; files: 1 fail", '"✕" / "Failure"'),
        ("Pass", titles["S05"], "0 of 1500 rows; files: 1 pass", '"✓" / "Success"'),
        ("Not applicable", titles["S06"], "0 of 0 rows; files: 1 not applicable", '"–"'),
        ("Error", titles["S07"], "0 of 1500 rows; files: 1 error", '"!" / "Error"'),
    }


def test_no_page_holds_a_script_or_loads_from_elsewhere(docs):
    """Links to open are fine, what a browser would fetch by itself is not."""
    assert len(pages_of(docs)) == 5
    for page in pages_of(docs):
        text = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert (
            re.findall(r"<(?:script|img|link|iframe|object|embed|video|audio|form)\b", text) == []
        )
        assert re.findall(r"\bon\w+=|\bsrc\w*=|@import|url\(|https?:", text) == []


def test_no_value_clinic_file_or_message_of_the_engine_is_kept_or_shown(validations, docs):
    kept = sorted(validations.glob("*.json"))
    assert [path.stem for path in kept] == ["cf_alliance_outcome", "responses"]
    for path in (*kept, *pages_of(docs)):
        text = path.read_text(encoding="utf-8")
        assert CANARY not in text
        assert str(BROKEN_ESTIMATE) not in text


def test_the_next_run_takes_the_place_of_the_last(validations, tmp_path):
    from expectations.judging.data_docs import write_data_docs

    target = tmp_path / "data_docs"
    write_data_docs(validations, target, "first", RUN_AT)
    opened = (target / "index.html").open(encoding="utf-8")
    for _ in range(2):  # a clinic was left out, and the rest audited again
        index = write_data_docs(validations, target, "second", RUN_AT)

    assert "run second" in index.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data_docs", "data_docs-second-2"]
    with opened as earlier:
        assert "run first" in earlier.read()


def test_a_title_is_text_and_never_markup(tmp_path):
    from expectations.judging.data_docs import keep, write_data_docs
    from expectations.judging.suites import BatchMaker, suite_for

    rule = (
        load_rules()
        .rule("S04")
        .model_copy(update={"title": "<b>costs</b> $5 & $rule_id", "why": "<b>Loud.</b>"})
    )
    counts = pd.DataFrame([{"rule_id": "S04", "n_scope": 1, "n_failed": 0, "error": None}])
    result = BatchMaker().batch("responses", counts).validate(suite_for("responses", [rule]))
    keep(tmp_path / "kept", "responses", "counts", [result])
    index = write_data_docs(tmp_path / "kept", tmp_path / "data_docs", RUN, RUN_AT)

    for page in pages_of(index):
        if page.name == "responses.html":
            text = page.read_text(encoding="utf-8")
            assert "&lt;b&gt;costs&lt;/b&gt; &#36;5 &amp; &#36;rule_id" in text
            assert "<b>" not in text


def test_axe_finds_no_barrier_but_great_expectations_own_heading_levels(browser, docs):
    """WCAG 2 A and AA hold; its sections start at level five, which is no criterion of WCAG."""
    from axe_playwright_python.sync_playwright import Axe

    found = set()
    for scheme in ("light", "dark"):
        tab = browser.new_page(color_scheme=scheme)
        for page in pages_of(docs):
            if page.stem == "cf_alliance_outcome":
                continue
            tab.goto(page.as_uri())
            found |= {each["id"] for each in Axe().run(tab).response["violations"]}
        tab.close()
    assert found == {"heading-order"}
