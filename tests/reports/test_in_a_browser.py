"""The pages in a real browser: Debian's chromium, driven through Playwright."""

import shutil

import pytest

from reports.validation_report import write_report
from tests.reports.hand_made import RUN, build_database, fill_up

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    """A tab that fails the test on any script error, refused script or request elsewhere."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    trouble = []
    page.set_default_timeout(5000)
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: request.url.startswith("file:") or trouble.append("request"))
    yield page
    page.close()
    assert trouble == []


@pytest.fixture
def run_page(tab, reports):
    tab.goto((reports / RUN / "index.html").as_uri())
    return tab


def visible_rules(tab):
    rows = tab.locator("#checks tbody tr:visible")
    return [
        (row.get_attribute("data-state"), row.locator(".rule-id").inner_text())
        for row in rows.all()
    ]


def test_the_worst_rule_and_its_rows_are_two_clicks_from_the_index(tab, reports):
    tab.goto((reports / "index.html").as_uri())

    tab.get_by_role("link", name="Open run").click()
    assert visible_rules(tab)[0] == ("fail", "S01")
    assert tab.locator("tr[id^=held-S04-harbor]").is_hidden()
    tab.get_by_role("link", name="See rows of rule S04, harbor").click()

    assert tab.locator("tr[id^=held-S04-harbor]").is_visible()
    assert "responses_2026-11.csv" in tab.locator("tr[id^=held-S04-harbor]").inner_text()


def test_filters_narrow_the_rules_and_say_how_many_remain(run_page):
    assert [state for state, _ in visible_rules(run_page)] == ["fail", "fail", "fail", "error"]
    run_page.get_by_label("Clinic", exact=True).select_option("harbor")
    assert visible_rules(run_page) == [("fail", "S04"), ("fail", "E12")]
    assert run_page.locator("output").inner_text() == "2 of 11 shown"
    run_page.get_by_label("Search").fill("CASE-mix")
    assert visible_rules(run_page) == [("fail", "E12")]
    run_page.get_by_label("Search").fill("sessions")
    assert visible_rules(run_page) == [("fail", "E12")]
    run_page.get_by_role("button", name="Show all").click()
    assert run_page.locator("output").inner_text() == "11 of 11 shown"
    assert len(visible_rules(run_page)) == 11


def test_a_column_sorts_by_its_number_and_says_so(run_page):
    run_page.get_by_role("button", name="Show all").click()
    button = run_page.locator("#checks").get_by_role("button", name="Share")
    button.click()

    assert [rule for _, rule in visible_rules(run_page)][:4] == ["S01", "E12", "N02", "S04"]
    header = run_page.locator("#checks th", has_text="Share")
    assert header.get_attribute("aria-sort") == "descending"
    button.click()
    assert header.get_attribute("aria-sort") == "ascending"


def test_sorting_works_by_keyboard(run_page):
    run_page.get_by_role("button", name="Show all").press("Enter")
    button = run_page.locator("#checks").get_by_role("button", name="Rule")
    button.focus()
    run_page.keyboard.press("Enter")

    assert [rule for _, rule in visible_rules(run_page)][:2] == ["E12", "N02"]


def test_the_first_stop_of_the_keyboard_skips_to_the_findings(run_page):
    run_page.keyboard.press("Tab")

    assert run_page.evaluate("document.activeElement.textContent") == "Skip to the findings"


def test_without_script_every_rule_and_row_can_be_read(browser, reports):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((reports / RUN / "index.html").as_uri())

    assert tab.locator("form.filters").is_hidden()
    assert tab.locator("#checks tbody tr:visible").count() == 11
    tab.locator("summary", has_text="S04").click()
    assert tab.locator("#held-S04 tbody tr").count() == 37
    context.close()


def test_a_phone_shows_the_page_without_scrolling_sideways(browser, reports):
    tab = browser.new_page(viewport={"width": 360, "height": 740})
    for page in (reports / RUN / "index.html", reports / "index.html"):
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
    tab.close()


@pytest.mark.slow
def test_a_thousand_checks_open_in_under_two_seconds(tab, tmp_path):
    """design.md section 7: a report with 1,000 checks opens in < 2 s. Best of three loads."""
    database = build_database(tmp_path / "analytics.duckdb")
    fill_up(database, n_checks=1000, n_rows_per_rule=200)
    tab.set_default_timeout(30_000)
    page = write_report(database, tmp_path / "reports", RUN).as_uri()

    milliseconds = []
    for _ in range(3):
        tab.goto(page)
        milliseconds.append(
            tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        )

    assert tab.locator("#checks tbody tr").count() == 1011
    assert 0 < min(milliseconds) < 2000, milliseconds


def test_axe_finds_no_barrier(browser, reports):
    """WCAG 2 A and AA and axe's best practices, light and dark, with every list opened."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        tab = browser.new_page(color_scheme=scheme)
        tab.goto((reports / RUN / "index.html").as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
        violations = Axe().run(tab).response["violations"]
        tab.close()
        assert [(found["id"], len(found["nodes"])) for found in violations] == []
