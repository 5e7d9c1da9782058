"""What 1,000 checks over 30 runs cost: making the new run's page, and opening it.

Prints milliseconds and asserts what does not depend on the machine. docs/report.md has the
numbers of one machine. Run with ``pytest -m slow -s
tests/reports/validation/test_a_thousand_checks.py``.
"""

import json
import statistics
import time

import duckdb
import pytest

from reports.validation.page import write_index, write_report
from tests.needs import CHROMIUM, without
from tests.reports.hand_made import build_database

pytestmark = pytest.mark.slow

N_CLINICS, N_RULES, ROWS_A_RULE = 25, 40, 100
LOADS = 5
RUNS = [f"2026-12-{day:02d}T050000-c3d4" for day in range(1, 31)]

# Each night one file of a clinic is checked by 40 rules; every tenth rule fails.
NIGHTS = """
INSERT INTO quality.dq_rule_results
SELECT run_id, strptime(left(run_id, 10), '%Y-%m-%d') + INTERVAL 5 HOUR, 'c' || clinic,
    run_id || clinic, 'export.csv', 'responses', 'X' || rule, 'A rule among many', 'plausibility',
    if(rule % 2 = 0, 'warn', 'quarantine'), 1000, n_failed, n_failed / 1000, 0.01,
    if(n_failed > 10, 'fail', 'pass'), NULL, false, NULL, NULL, NULL, NULL
FROM (
    SELECT unnest($runs) AS run_id, clinic, rule,
        if(rule % 10 = 0, 20 + clinic, rule % 5) AS n_failed
    FROM range($n_clinics) AS c (clinic), range($n_rules) AS r (rule)
);
"""
OF_THE_LAST_NIGHT = """
INSERT INTO core.dim_clinics
SELECT 'c' || i, 'north', 'Clinic ' || i, true, true, DATE '2026-11-20' FROM range($n) AS c (i);
INSERT INTO quality.dq_quarantine
SELECT 'responses', 'c' || (j % $n), 'f', 'export.csv', NULL, j, uuid(), 'X' || (i * 10),
    'A rule among many', 'item_1', 'A reason in plain words', 'quarantine', TIMESTAMP '2026-12-01',
    TIMESTAMP '2026-12-01', 'open', NULL, NULL, NULL, NULL
FROM range($n_rules // 10) AS r (i), range($n_rows) AS s (j);
"""


def database_after(n_runs, path):
    """Thousand checks a night for ``n_runs`` nights."""
    build_database(path)
    with duckdb.connect(str(path)) as con:
        con.execute(NIGHTS, {"runs": RUNS[:n_runs], "n_clinics": N_CLINICS, "n_rules": N_RULES})
        con.execute(OF_THE_LAST_NIGHT.split(";")[0], {"n": N_CLINICS})
        con.execute(
            OF_THE_LAST_NIGHT.split(";")[1],
            {"n": N_CLINICS, "n_rules": N_RULES, "n_rows": ROWS_A_RULE * N_CLINICS},
        )
    return path


def milliseconds_of(work, *arguments):
    """CPU time, which other work on the machine moves little."""
    started = time.process_time()
    result = work(*arguments)
    return (time.process_time() - started) * 1000, result


def test_making_the_page_of_a_new_run_does_not_grow_with_the_runs_before_it(tmp_path):
    """The page of the last run after 1, 10 and 30 runs; the index reads one small file a run."""
    sizes = {}
    for n_runs in (1, 10, 30):
        database = database_after(n_runs, tmp_path / f"after-{n_runs}.duckdb")
        reports = tmp_path / f"reports-{n_runs}"
        of_page = []
        for _ in range(3):
            took, page = milliseconds_of(write_report, database, reports, RUNS[n_runs - 1])
            of_page.append(took)
        summary = json.loads((page.parent / "run.json").read_text(encoding="utf-8"))
        for run_id in RUNS[: n_runs - 1]:
            (reports / run_id).mkdir()
            text = json.dumps(summary | {"run_id": run_id})
            (reports / run_id / "run.json").write_text(text, encoding="utf-8")
        of_index, index = milliseconds_of(write_index, reports)
        sizes[n_runs] = page.stat().st_size
        print(
            f"\nafter {n_runs:2d} runs: page {statistics.median(of_page):5.0f} ms "
            f"({page.stat().st_size / 1e6:.2f} MB), index {of_index:4.0f} ms "
            f"({index.stat().st_size / 1e3:.0f} kB)"
        )

    # Only the drawn lines grow: one point a run, at most 30.
    assert sizes[30] < 1.5 * sizes[1]


@without(CHROMIUM)
def test_opening_it_and_filtering(tmp_path):
    """Five loads in headless Chromium: DOMContentLoaded, load, first filter drawn, CPU time."""
    from playwright.sync_api import sync_playwright

    reports = tmp_path / "reports"
    page = write_report(database_after(30, tmp_path / "a.duckdb"), reports, RUNS[-1])
    ready, loaded, filtered, of_cpu = [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM.find(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        for _ in range(LOADS):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tools = tab.context.new_cdp_session(tab)
            tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            tab.goto(page.as_uri())
            metrics = tools.send("Performance.getMetrics")["metrics"]
            of_cpu += [1000 * m["value"] for m in metrics if m["name"] == "TaskDuration"]
            times = tab.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
            ready.append(times["domContentLoadedEventEnd"])
            loaded.append(times["loadEventEnd"])
            filtered.append(tab.evaluate(FIRST_FILTER))
            shown = tab.locator("output").inner_text()
            n_drawn = tab.locator("#checks svg.trend").count()
            tab.close()
        browser.close()
    for name, taken in {
        "ready": ready,
        "loaded": loaded,
        "CPU until loaded": of_cpu,
        "first filter drawn": filtered,
    }.items():
        print(f"\n{name}: {' '.join(f'{ms:.0f}' for ms in taken)} ms", end="")

    # One line a rule; two rules of the database beneath hold rows of earlier nights back.
    assert shown == f"{N_RULES} of {N_RULES + 2} shown"
    assert n_drawn == N_CLINICS * 36  # four rules of forty were never broken


# From choosing a clinic in the filter to the second frame after it.
FIRST_FILTER = """() => new Promise((resolve) => {
  const started = performance.now();
  document.querySelector("[data-all]").click();
  const clinic = document.getElementById("f-clinic");
  clinic.value = "c7";
  clinic.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)));
})"""
