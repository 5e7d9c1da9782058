"""The pages in a real browser: Debian's chromium, driven through Playwright."""

import pytest

from reports.drawing.templating import anchor
from tests.needs import CHROMIUM, without
from tests.reports.hand_made import RUN

pytestmark = without(CHROMIUM)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM.find(),
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
    states = [state for state, _ in visible_rules(run_page)]
    assert states == ["fail", "fail", "open", "fail", "error"]
    run_page.get_by_label("Clinic", exact=True).select_option("harbor")
    assert visible_rules(run_page) == [("fail", "S04"), ("fail", "E12")]
    assert run_page.locator("#checks li[data-clinic]:visible").count() == 2
    assert run_page.locator("output").inner_text() == "2 of 8 shown"
    run_page.get_by_label("Search").fill("CASE-mix")
    assert visible_rules(run_page) == [("fail", "E12")]
    run_page.get_by_label("Search").fill("sessions")
    assert visible_rules(run_page) == [("fail", "E12")]
    run_page.get_by_role("button", name="Show all").click()
    assert run_page.locator("output").inner_text() == "8 of 8 shown"
    assert len(visible_rules(run_page)) == 8


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
    assert tab.locator("#checks tbody tr:visible").count() == 8
    tab.locator("details.all > summary").click()
    tab.locator("summary", has_text="S04").click()
    assert tab.locator("#held-S04 tbody tr").count() == 37
    context.close()


def test_a_phone_shows_the_page_without_scrolling_sideways(browser, reports):
    tab = browser.new_page(viewport={"width": 360, "height": 740})
    for page in (reports / RUN / "index.html", reports / "index.html"):
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
    tab.close()


def test_filters_hide_rules_on_a_phone_too(browser, reports):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto((reports / RUN / "index.html").as_uri())

    assert len(visible_rules(tab)) == 5
    tab.get_by_label("State").select_option("error")
    assert visible_rules(tab) == [("error", "S21")]
    tab.close()


def test_a_link_to_a_rule_that_the_filter_hides_shows_it(tab, reports):
    place = f"#check-{anchor('N03 harbor')}"

    tab.goto((reports / RUN / "index.html").as_uri() + place)

    assert tab.locator(place).is_visible()


def rows_of(tab, table):
    tab.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    return [
        [" ".join(cell.split()) for cell in row.locator("th, td").all_inner_texts()]
        for row in tab.locator(f"#{table} tbody tr").all()
    ]


def test_the_grid_is_on_the_first_screen_and_a_phone_has_fewer_than_ten(browser, reports):
    for width, height in ((1280, 900), (360, 740)):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto((reports / RUN / "index.html").as_uri())
        grid = tab.locator("#heat").bounding_box()
        n_screens = tab.evaluate("document.documentElement.scrollHeight") / height
        bar = tab.locator("nav.sections ul").evaluate("(bar) => bar.scrollWidth - bar.clientWidth")
        tab.close()
        assert n_screens < 10
        assert bar == 0
        assert grid["y"] < height
        if width == 1280:
            assert grid["y"] + grid["height"] < height


def test_the_headline_counts_waivers_and_grades_stand_with_and_without(tab, reports):
    """Moor's only fault is waived; linden's file that was rejected is not."""
    tab.goto((reports / "index.html").as_uri())
    headline = (
        "96 % of 23,650 rows usable, 2 of 7 files not loaded, 1 of 4 clinics sent nothing, "
        "40 rows and 1 file open since 22 Nov 2026, 2 waivers, 1 expires in 5 days, 1 expired"
    )
    assert tab.locator("h1").inner_text() == f"Last run: {headline}"
    row = " ".join(tab.locator("tbody tr").inner_text().split())
    assert "Moor Counseling Service: A (B as if nothing were waived )" in row

    tab.get_by_role("link", name="Open run").click()
    assert tab.locator("h1").inner_text() == headline
    moor = tab.locator("#heat tr", has_text="Moor Counseling Service").inner_text()
    assert "1 waiver, grade B as if there were none" in moor
    assert rows_of(tab, "waivers-table") == [
        ["✕ Expired", "N03", "linden", "A. Lead", "Old calendar", "2026-10-31"],
        ["○ 5 days left", "E12", "harbor", "A. Lead", "Migration of the case-mix form",
         "2026-11-27"],
        ["○ 90 days left", "S21", "moor", "A. Lead", "Moor has no table of episodes",
         "2027-02-20"],
    ]  # fmt: skip
    assert tab.locator("#checks tr[data-state=error] .waived").inner_text() == "waived"


def test_a_trend_tells_first_seen_and_when_the_share_changed(run_page):
    """0 of 42,600 in three runs, then 4,237 of 56,800 in four."""
    cell = run_page.locator("#checks li[data-clinic=harbor][data-state=fail]").first

    assert (
        cell.locator(".trends").inner_text()
        == "since 19 Nov 2026; ▲ rose on 19 Nov 2026, 0 % → 7.5 %"
    )
    assert cell.locator("svg.trend").is_visible()


def test_approvals_form_changes_repairs_and_what_changed_are_told(run_page):
    assert rows_of(run_page, "approvals") == [
        [RUN, "linden: more rows held back than allowed", "publish", "a.lead", "Known migration",
         "22 Nov 2026, 07:45"],
    ]  # fmt: skip
    assert rows_of(run_page, "form-changes") == [
        ["22 Nov 2026", "linden", "export.xlsx", "✕ Rejected recoded items", "item_3",
         "The answers of this column start at 1 now.", "Export raw codes."],
        ["22 Nov 2026", "harbor", "sessions_2026-11.csv", "added column", "room",
         "A new column.", "Nothing; it is not read."],
    ]  # fmt: skip
    assert rows_of(run_page, "repaired") == [
        ["Repaired", "linden", "N04 Inside its episode", "2", "2"],
        ["Waived", "linden", "N04 Inside its episode", "1", "–"],
    ]
    assert rows_of(run_page, "what-changed") == [
        ["harbor", "phq9", "late form", "unchanged", "reliably improved", "3", "210"],
    ]


def test_signs_of_careless_answering_have_rule_count_and_denominator(run_page):
    """S15: 12 of 14,200. Of 36 + 26 + 3 sessions with an alliance, 12 at the ceiling."""
    rows = rows_of(run_page, "styles")

    assert [row[2:] for row in rows] == [
        ["Harbor Psychotherapy", "12", "14,200", "< 0.1 %"],
        ["Harbor Psychotherapy", "12", "65", "18.5 %"],
    ]
    assert rows[0][1].endswith("of answered questionnaires with start and completion")


def test_who_stops_answering_by_session_hides_small_groups(run_page):
    """Eleven dropped out; eight of them have a symptom form at session 2, ten reach session 3."""
    assert rows_of(run_page, "answering-table") == [
        ["Harbor Psychotherapy", "Symptom form at an attended session", "210", "300", "70 %"],
    ]
    card = run_page.locator(".plots")
    assert (
        "At session 2, the last with enough of both: a symptom form from 100 % of clients who "
        "completed and 72.7 % of those who dropped out; an alliance form from 100 % and 45.5 %."
    ) in card.inner_text()
    assert card.locator("svg[role=img]").count() == 2
    numbers = [row.all_inner_texts() for row in map(cells_of, card.locator("tbody tr").all())]
    assert [row[:3] for row in numbers] == [
        ["1", "completed", "12"], ["1", "dropped out", "11"], ["2", "completed", "12"],
        ["2", "dropped out", "11"], ["3", "completed", "12"],
    ]  # fmt: skip


def cells_of(row):
    return row.locator("th, td")


def test_print_shows_open_lists_and_no_controls(run_page):
    run_page.emulate_media(media="print")
    run_page.evaluate("dispatchEvent(new Event('beforeprint'))")

    for control in ("nav.sections", "form.filters", "[data-unprinted]"):
        assert run_page.locator(control).first.is_hidden()
    assert run_page.locator("#held-S04").is_visible()
    cut = run_page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((box) => "
        "getComputedStyle(box).overflow !== 'visible').length"
    )
    assert cut == 0
    run_page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert run_page.locator("#held-S04").is_hidden()


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 1280),
        ("dark", 390),
        pytest.param("dark", 1280, marks=pytest.mark.slow),
        pytest.param("light", 390, marks=pytest.mark.slow),
    ],
)
def test_axe_finds_no_barrier(browser, reports, scheme, width):
    """WCAG 2 A and AA and axe's best practices, on both pages, with every list opened."""
    from axe_playwright_python.sync_playwright import Axe

    for page in (reports / "index.html", reports / RUN / "index.html"):
        tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 850})
        tab.goto(page.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
        violations = Axe().run(tab).response["violations"]
        tab.close()
        assert [(found["id"], len(found["nodes"])) for found in violations] == []
