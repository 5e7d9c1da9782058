"""The arithmetic of the bench, and that it sees what a command's children use."""

import json
import sys

import pytest
from rich.console import Console

from benchmarks.bench import (
    GIB,
    Point,
    cf_ratio,
    fixed_seconds,
    marginal_ratio,
    measure_baseline,
    read_families,
    size_table,
    slope,
    step_table,
    verdicts,
    write_results,
)
from benchmarks.process_tree import run_measured


def point(n_sessions, baseline, run, peak=GIB, steps=None):
    return Point(n_sessions, 1000, baseline, run, peak, peak, steps or {})


# DuckDB alone: 2 s per 250,000. The night: 30 s fixed and 4 times the marginal baseline.
LINE = [point(250_000, 2.0, 38.0), point(500_000, 4.0, 46.0), point(1_000_000, 8.0, 62.0)]


def printed(table):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_slope_of_a_textbook_example():
    """Anscombe 1973, first set: y = 3.00 + 0.500 x."""
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]

    assert slope(x, y) == pytest.approx(0.500, abs=0.0005)
    assert slope([1.0, 1.0], [2.0, 3.0]) is None


def test_the_fixed_cost_does_not_count_as_marginal_cost():
    assert marginal_ratio(LINE) == pytest.approx(4.0)
    assert fixed_seconds(LINE) == pytest.approx(30.0)


def test_between_two_sizes_the_ratio_is_the_quotient_of_the_differences():
    """(70 - 40) / (8 - 2) = 5."""
    assert marginal_ratio([point(1, 2.0, 40.0), point(2, 8.0, 70.0)]) == pytest.approx(5.0)


def test_families_share_the_threads_and_the_cf_tables_have_a_ratio_of_their_own(tmp_path):
    """4 and 14 node seconds on two threads: (7 - 2) / (8 - 2) of the baseline's seconds."""
    points = []
    for n_sessions, baseline, seconds in [(1, 2.0, 4.0), (2, 8.0, 14.0)]:
        run = tmp_path / str(n_sessions) / "work" / "run"
        run.mkdir(parents=True)
        nodes = {
            "model.rapport.int_cf_effect_size": seconds / 4,
            "model.rapport.cf_effect_size": seconds * 3 / 4,
            "model.rapport.fct_alerts": 3.0,
            "test.rapport.unique_x.0": 1.0,
        }
        results = [{"unique_id": node, "execution_time": n} for node, n in nodes.items()]
        (run / "run_results.json").write_text(json.dumps({"results": results}))
        families = read_families(tmp_path / str(n_sessions))
        points.append(Point(n_sessions, 1, baseline, 9.0, 1, 1, families=families))

    assert points[0].families == {"cf_ tables": 2.0, "process": 1.5, "tests": 0.5}
    assert cf_ratio(points) == pytest.approx(5 / 6)
    assert cf_ratio(LINE) is None


def test_each_bar_is_kept_at_its_value_and_missed_above():
    at = {w: kept for w, *_, kept in verdicts([point(1, 1, 61.0), point(2, 2, 66.0, 4 * GIB)])}
    above = {
        w: kept for w, *_, kept in verdicts([point(1, 1, 66.1), point(2, 2, 71.2, 4 * GIB + 1)])
    }

    assert at == {
        "marginal cost ratio": True,
        "fixed cost of a run, s": True,
        "peak memory, GiB": True,
    }
    assert above == {
        "marginal cost ratio": False,
        "fixed cost of a run, s": False,
        "peak memory, GiB": False,
    }


def test_one_size_judges_memory_only():
    assert [what for what, *_ in verdicts(LINE[:1])] == ["peak memory, GiB"]


def test_the_tables_show_ratio_and_what_no_step_owns():
    points = [
        point(10, 1.0, 20.0, steps={"intake": 5.0, "build": 9.0}),
        point(20, 2.0, 24.0, steps={"intake": 9.0, "build": 9.5}),
    ]

    sizes, steps = printed(size_table(points)), printed(step_table(points))

    assert "4.00" in sizes
    assert "outside the steps" in steps
    assert steps.index("build") < steps.index("intake")
    assert "5.5" in steps  # 24 - 9 - 9.5
    assert "23%" in steps  # 5.5 / 24


def test_results_carry_machine_points_and_verdicts(tmp_path):
    write_results(tmp_path / "bench.json", LINE, seed=7)

    results = json.loads((tmp_path / "bench.json").read_text())
    assert results["machine"]["processors"] >= 1
    assert [p["n_sessions"] for p in results["points"]] == [250_000, 500_000, 1_000_000]
    assert {v["what"]: v["is_kept"] for v in results["verdicts"]}["marginal cost ratio"] is True


def test_the_baseline_writes_every_row_of_every_file(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("id,x\n" + "".join(f"{i},1.5\n" for i in range(99)))

    seconds = measure_baseline(sorted(tmp_path.glob("*.csv")), tmp_path, repeats=1)

    import duckdb

    found = duckdb.sql(f"SELECT count(*), sum(x) FROM '{tmp_path}/*.parquet'").fetchone()
    assert found == (198, 297.0)
    assert 0 < seconds < 30


HOLD = "import time; x = bytearray(b'x') * 150_000_000; time.sleep(1)"


def test_peak_memory_counts_a_grandchild(tmp_path):
    """150 MB held by a child of the command, nothing by the command itself."""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"

    measured = run_measured([sys.executable, "-c", parent], log=tmp_path / "log")

    assert measured.returncode == 0
    assert 150e6 < measured.peak_bytes < 230e6
    assert measured.peak_rss_bytes >= measured.peak_bytes
    assert 1.0 < measured.seconds < 10


def test_a_failing_command_is_told_apart_and_its_output_kept(tmp_path):
    measured = run_measured(
        [sys.executable, "-c", "print('why'); raise SystemExit(3)"], log=tmp_path / "log"
    )

    assert measured.returncode == 3
    assert (tmp_path / "log").read_text() == "why\n"
