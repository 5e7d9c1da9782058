"""The common-factors report of the demo night: every number found by the query beside it."""

from __future__ import annotations

import re

import duckdb
import pytest

from tests.needs import CHROMIUM, without
from tests.reports.page_numbers import number_of, read_page

QUESTIONS = 8


@pytest.fixture(scope="module")
def page(demo_home):
    (found,) = demo_home.reports.glob("*/common-factors.html")
    return found


@pytest.fixture(scope="module")
def read(page):
    return read_page(page)


@pytest.fixture(scope="module")
def answered(read, demo_home):
    """Each block with the answer its query gives in the public file."""
    with duckdb.connect(str(demo_home.public.resolve()), read_only=True) as con:
        found = []
        for block in read.blocks:
            answer = con.execute(block.sql)
            names = [column[0] for column in answer.description]
            found.append((block, [dict(zip(names, r, strict=True)) for r in answer.fetchall()]))
        return found


def test_every_number_is_the_answer_of_the_query_beside_it(answered):
    n_numbers = 0
    for block, rows in answered:
        for shown in block.numbers:
            value = rows[shown.row][shown.column]
            written, decimals = number_of(shown.text)

            assert float(shown.value) == value, (block.sql, shown)
            is_share = shown.text.endswith("%") and "percent" not in shown.column
            assert shown.factor == (100 if is_share else 1), shown
            assert abs(written - value * shown.factor) <= 0.5 * 10**-decimals + 1e-9, shown
            n_numbers += 1
    assert n_numbers > 1000


def test_every_table_has_every_row_of_the_answer(answered):
    for block, rows in answered:
        assert block.n_rows == len(rows), block.sql


def test_published_figures_are_quoted_as_the_table_has_them(answered):
    quoted = [(rows[q.row][q.column], q.text) for block, rows in answered for q in block.quoted]

    assert len(quoted) > 20
    for source, text in quoted:
        assert text == source


UNITS = (
    "session 3|of 100 against|drop of [12] SD|"
    "per 10 alliance points of 100|alliance points of 100 per point"
)


def test_sentences_hold_no_number_of_their_own(read):
    """Digits stand in <data> elements, in names of forms and detectors, and in units."""
    for block in read.blocks:
        assert block.said.strip(), block.sql
        said = re.sub(UNITS, "", block.said)
        assert re.findall(r"\d+", said) == [], said


def test_every_scope_answers_every_question(page, read):
    text = page.read_text(encoding="utf-8")

    assert len(re.findall(r'<option value="overall-all">All clinics', text)) == 1
    n_scopes = len(re.findall(r'<div class="scope"', text))
    assert n_scopes == 5  # all, one group of two clinics, three clinics
    assert len(re.findall(r'<section class="question"', text)) == n_scopes * QUESTIONS
    assert len(re.findall("What this does not show", text)) == n_scopes * QUESTIONS


def test_small_groups_are_named_as_too_few(read):
    said = " ".join(block.said for block in read.blocks)

    assert "too few clients for a number" in said
    assert "Exploratory: " in said


def test_no_key_of_a_client_or_therapist_is_on_the_page(page, demo_home):
    text = page.read_text(encoding="utf-8")
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        keys = con.execute(
            "select cast(client_key as varchar) from core.dim_clients "
            "union select cast(therapist_key as varchar) from core.dim_therapists"
        ).fetchall()

    assert len(keys) > 100
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", text)
    assert not [key for (key,) in keys if key in text or key[:8] in text]


def test_no_therapist_is_on_the_page(read):
    assert not [block.sql for block in read.blocks if "cf_therapist_caterpillar" in block.sql]


def test_the_run_page_leads_to_it(page):
    assert 'href="common-factors.html"' in (page.parent / "index.html").read_text(encoding="utf-8")


@without(CHROMIUM)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_in_a_browser_it_is_accessible_offline_and_one_scope_at_a_time(page, look):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    trouble = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM.find(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=look)
        tab.on("console", lambda message: trouble.append(message.text))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or trouble.append(r.url))
        tab.goto(page.as_uri())
        tab.locator("summary").first.click()
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()
        assert tab.locator(".scope:visible").count() == 1
        tab.get_by_label("Show").select_option("clinic-lakeside")
        assert tab.locator(".scope:visible").get_attribute("data-scope") == "clinic-lakeside"
        assert tab.locator(".scope:visible svg.plot").count() >= 3
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        browser.close()
    assert trouble == []
