"""Cost of a night at several sizes against what DuckDB alone needs for the same CSV files.

    python benchmarks/bench.py [--sessions 250000 500000 1000000] [--out FILE]

Both sides are measured in this run, on this machine, on the same files, one after the other.
The bars are those of the project's plan; docs/performance.md explains how to read the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.process_tree import run_measured  # noqa: E402 - after the path is set

SIZES = (250_000, 500_000, 1_000_000)
THREADS = 2
BAR_MARGINAL = 5.0
BAR_MEMORY_GIB = 4.0
BAR_FIXED_SECONDS = 60.0
GIB = 1024**3
CF_TABLES = "cf_ tables"
# What a dbt model is for, by the folder it lies in; nodes that are no model go by their kind.
FAMILIES = {
    "staging": "staging",
    "intermediate": "core",
    "core": "core",
    "quality": "quality",
    "common_factors": CF_TABLES,
    "outcome_change": CF_TABLES,
}


@dataclass(frozen=True)
class Point:
    """One size: what DuckDB alone took and what the night took."""

    n_sessions: int
    csv_bytes: int
    baseline_seconds: float
    run_seconds: float
    peak_bytes: int
    peak_rss_bytes: int
    steps: dict[str, float] = field(default_factory=dict)
    families: dict[str, float] = field(default_factory=dict)


def slope(x: list[float], y: list[float]) -> float | None:
    """Return the least-squares slope of ``y`` on ``x``, ``None`` where ``x`` does not vary."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    if not spread:
        return None
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def marginal_ratio(points: list[Point]) -> float | None:
    """Return extra run seconds per extra baseline second (of two points: their quotient)."""
    return slope([p.baseline_seconds for p in points], [p.run_seconds for p in points])


def cf_ratio(points: list[Point]) -> float | None:
    """Return extra seconds of the ``cf_*`` tables alone per extra baseline second."""
    if not all(CF_TABLES in p.families for p in points):
        return None
    baseline = [p.baseline_seconds for p in points]
    return slope(baseline, [p.families[CF_TABLES] for p in points])


def fixed_seconds(points: list[Point]) -> float | None:
    """Return the run's seconds at no session at all, by least squares over the sizes."""
    sizes, seconds = [float(p.n_sessions) for p in points], [p.run_seconds for p in points]
    per_session = slope(sizes, seconds)
    if per_session is None:
        return None
    return sum(seconds) / len(seconds) - per_session * sum(sizes) / len(sizes)


def measure_baseline(files: list[Path], folder: Path, *, repeats: int = 3) -> float:
    """Return the best time DuckDB alone needs to turn ``files`` into Parquet.

    Types are detected, nothing is checked; one run first warms the disk cache.
    """
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        with duckdb.connect(config={"threads": THREADS}) as connection:
            for file in files:
                target = folder / f"{file.stem}.parquet"
                connection.read_csv(str(file)).write_parquet(str(target))
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def measure_size(console: Console, place: Path, n_sessions: int, seed: int) -> Point:
    """Generate one size, measure both sides, and delete what was made."""
    from demo import generate_bench_csv

    home, parquet = place / "home", place / "parquet"
    parquet.mkdir(parents=True)
    delivered = home / "landing" / "bench"
    delivered.mkdir(parents=True)
    with console.status(f"{n_sessions:,} sessions: writing CSV files"):
        generate_bench_csv(delivered, n_sessions, seed)
    files = sorted(delivered.rglob("*.csv"))
    if not files:
        raise SystemExit("bench: generate_bench_csv wrote no CSV file.")
    with console.status(f"{n_sessions:,} sessions: DuckDB alone"):
        baseline = measure_baseline(files, parquet)
    shutil.rmtree(parquet)
    log = place / "run.log"
    with console.status(f"{n_sessions:,} sessions: the night") as status:
        measured = run_measured(
            [sys.executable, "-m", "pipeline.cli", "run", "--home", str(home)],
            log=log,
            environment=os.environ | {"RAPPORT_HOME": str(home), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            on_sample=lambda seconds, peak: status.update(
                f"{n_sessions:,} sessions: the night, {seconds:,.0f} s, peak {peak / GIB:.2f} GiB"
            ),
        )
    if measured.returncode:
        console.print(log.read_text(errors="replace")[-1500:], markup=False, highlight=False)
        raise SystemExit(
            f"bench: the night ended with exit code {measured.returncode}. Everything it left is "
            f"in {place}, its output in run.log."
        )
    point = Point(
        n_sessions=n_sessions,
        csv_bytes=sum(file.stat().st_size for file in files),
        baseline_seconds=baseline,
        run_seconds=measured.seconds,
        peak_bytes=measured.peak_bytes,
        peak_rss_bytes=measured.peak_rss_bytes,
        steps=read_steps(home),
        families=read_families(home),
    )
    shutil.rmtree(place)
    console.print(
        f"{n_sessions:>11,} sessions: DuckDB alone {baseline:.1f} s, the night "
        f"{measured.seconds:.1f} s, peak {measured.peak_bytes / GIB:.2f} GiB"
    )
    return point


def read_steps(home: Path) -> dict[str, float]:
    """Return the seconds per step that the only run in ``home`` wrote down."""
    from pipeline.home import Home
    from pipeline.progress import timings

    runs = sorted(path.name for path in (home / "work").glob("*") if path.is_dir())
    return timings(Home(home), runs[-1]) if runs else {}


def read_families(home: Path) -> dict[str, float]:
    """Return what each family of dbt nodes took of the build, in seconds.

    dbt times a node by the clock while ``THREADS`` of them run at once, so the sums are divided
    by that.
    """
    folders = {path.stem: path.parent.name for path in (ROOT / "models").rglob("*.*")}
    results = sorted((home / "work").glob("*/run_results.json"))[-1]
    seconds: dict[str, float] = {}
    for node in json.loads(results.read_text(encoding="utf-8"))["results"]:
        kind, _, node_name = node["unique_id"].split(".")[:3]
        family = FAMILIES.get(folders.get(node_name), "process") if kind == "model" else f"{kind}s"
        seconds[family] = seconds.get(family, 0.0) + node["execution_time"] / THREADS
    return seconds


def size_table(points: list[Point]) -> Table:
    """Return sizes, both times, the marginal ratio from the size before, and memory."""
    table = Table(title="The night against DuckDB alone, same files", title_justify="left")
    for name in ("sessions", "CSV MB", "DuckDB alone s", "night s"):
        table.add_column(name, justify="right")
    table.add_column(f"marginal ratio (bar {BAR_MARGINAL:g})", justify="right")
    table.add_column(f"peak GiB (bar {BAR_MEMORY_GIB:g})", justify="right")
    for earlier, point in zip([None, *points], points, strict=False):
        ratio = marginal_ratio([earlier, point]) if earlier else None
        table.add_row(
            f"{point.n_sessions:,}",
            f"{point.csv_bytes / 1e6:,.0f}",
            f"{point.baseline_seconds:.2f}",
            f"{point.run_seconds:.1f}",
            "–" if ratio is None else f"{ratio:.2f}",
            f"{point.peak_bytes / GIB:.2f}",
        )
    return table


def step_table(points: list[Point]) -> Table:
    """Return where the time went; what no step owns is start-up, Airflow and the summary."""
    table = Table(title="Where the time went, seconds", title_justify="left")
    table.add_column("step")
    for point in points:
        table.add_column(f"{point.n_sessions:,}", justify="right")
    table.add_column("share of the largest", justify="right")
    largest = points[-1]
    names = {name for point in points for name in point.steps}
    for name in sorted(names, key=lambda name: -largest.steps.get(name, 0.0)):
        share = largest.steps.get(name, 0.0) / largest.run_seconds
        seconds = [f"{p.steps[name]:.1f}" if name in p.steps else "–" for p in points]
        table.add_row(name, *seconds, f"{share:.0%}")
    outside = [p.run_seconds - sum(p.steps.values()) for p in points]
    table.add_row(
        "outside the steps",
        *(f"{seconds:.1f}" for seconds in outside),
        f"{outside[-1] / largest.run_seconds:.0%}",
    )
    return table


def family_table(points: list[Point]) -> Table:
    """Return what the build's time went to."""
    table = Table(title="The build by family, seconds", title_justify="left")
    table.add_column("family")
    for point in points:
        table.add_column(f"{point.n_sessions:,}", justify="right")
    for name in sorted(points[-1].families, key=lambda name: -points[-1].families[name]):
        table.add_row(name, *(f"{point.families.get(name, 0.0):.1f}" for point in points))
    return table


def verdicts(points: list[Point]) -> list[tuple[str, float, float, bool]]:
    """Return (what, measured, bar, kept) for each bar that these sizes can judge."""
    judged = [
        ("marginal cost ratio", marginal_ratio(points), BAR_MARGINAL),
        ("of it the cf_ tables", cf_ratio(points), BAR_MARGINAL),
        ("fixed cost of a run, s", fixed_seconds(points), BAR_FIXED_SECONDS),
        ("peak memory, GiB", max(p.peak_bytes for p in points) / GIB, BAR_MEMORY_GIB),
    ]
    return [(what, got, bar, got <= bar) for what, got, bar in judged if got is not None]


def write_results(path: Path, points: list[Point], seed: int) -> None:
    """Write everything measured, with the machine it was measured on, as JSON."""
    results = {
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
        },
        "seed": seed,
        "points": [asdict(point) for point in points],
        "verdicts": [
            {"what": what, "measured": got, "bar": bar, "is_kept": kept}
            for what, got, bar, kept in verdicts(points)
        ],
    }
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure every size and print the tables; exit code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the results there as JSON")
    parser.add_argument("--work", type=Path, help="folder for the files (default: a temporary one)")
    options = parser.parse_args(arguments)
    console = Console(width=max(100, Console().width))
    points = []
    place = Path(tempfile.mkdtemp(prefix="rapport-bench-", dir=options.work))
    for n_sessions in sorted(set(options.sessions)):
        points.append(measure_size(console, place / str(n_sessions), n_sessions, options.seed))
    place.rmdir()
    console.print(size_table(points))
    console.print(step_table(points))
    console.print(family_table(points))
    judged = verdicts(points)
    for what, got, bar, kept in judged:
        word = "kept" if kept else f"MISSED by {got - bar:.2f}"
        console.print(f"{what:<24} {got:8.2f}   bar {bar:g}: {word}", highlight=False)
    if len(points) == 1:
        console.print("One size only: marginal and fixed cost need two or more.")
    if options.out:
        write_results(options.out, points, options.seed)
        console.print(f"Written: {options.out}")
    return 0 if all(kept for *_, kept in judged) else 1


if __name__ == "__main__":
    raise SystemExit(main())
