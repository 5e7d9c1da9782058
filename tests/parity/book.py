"""Write docs/parity.md from a run of the tests it lists: ``python -m tests.parity.book``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from math import sqrt
from pathlib import Path

import pytest
from scipy.stats import binom

from tests.parity.coverage import RESULT
from tests.parity.entries import ENTRIES, NOT_COVERED, PUBLISHED, UNIT_TESTS, Entry
from tests.parity.recorder import Comparison, Heard, Recorder
from tests.worlds.coverage import RESULT as WORLDS
from tests.worlds.coverage import table_of

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs" / "parity.md"
HEADER = "| estimator | domain | reference | rows | numbers | largest difference | tolerance |"
_INTRODUCTION = """# Parity book: our numbers against other programs

Written by the tests themselves: `python -m tests.parity.book` runs every test named here, listens
to its comparisons and notes how far the numbers were apart. The same tests run in `make test`; none
of them needs R. Tolerances are 1e-6 or the reference's own: the last digit a paper prints, or where
a program's optimizer stops. "exact" means compared with `==`.
"""


def listen(entries: Iterable[Entry] = ENTRIES) -> dict[str, Heard]:
    """Run the tests of the entries and return what each compared."""
    recorder = Recorder()
    tests = sorted({entry.test for entry in entries})
    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", *tests], plugins=[recorder])
    return recorder.heard


def write_book(heard: dict[str, Heard]) -> None:
    """Write the book, or raise when a listed test failed or was not run."""
    wrong = [e.test for e in ENTRIES if not _is_sound(heard.get(e.test))]
    if wrong:
        raise SystemExit(f"not written: these tests failed or did not run: {', '.join(wrong)}")
    BOOK.write_text("\n".join(_lines(heard)) + "\n", encoding="utf-8")


def _is_sound(heard: Heard | None) -> bool:
    return heard is not None and heard.n_passed > 0 and not heard.n_failed + heard.n_skipped


def _lines(heard: dict[str, Heard]) -> list[str]:
    programs = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels", "lifelines")
    )
    lines = [
        _INTRODUCTION,
        f"Written {datetime.now(UTC):%Y-%m-%d} with Python {sys.version.split()[0]}, {programs}.\n",
        "## Estimators\n",
        *(HEADER, "|---|---|---|---|---|---|---|"),
    ]
    for entry in ENTRIES:
        lines += _rows_of(entry, heard[entry.test])
    lines += [
        "\n## Compared inside the build\n",
        "Unit tests of dbt, run with the tables; every value is equal.\n",
        *("| domain | what | unit test |", "|---|---|---|"),
        *(f"| {tag} | {what} | `{test}` |" for tag, what, test in UNIT_TESTS),
        "\n## Cells of the published tables\n",
        "`tests/acceptance/test_tables_recomputed.py` works cells of a demo night out again from "
        "its fact tables alone, by the definitions and without `models/` or `transforms/`.\n",
        *("| table | program | tolerance | test |", "|---|---|---|---|"),
        *(f"| {table} | {program} | {far} | `{test}` |" for table, program, far, test in PUBLISHED),
        "\n## Not covered\n",
        *("| domain | why |", "|---|---|"),
        *(f"| {tag} | {why} |" for tag, why in NOT_COVERED),
    ]
    return [*lines, *_coverage(), *_worlds()]


def _rows_of(entry: Entry, heard: Heard) -> list[str]:
    place = f"`{entry.module}`" if "/" in entry.module else entry.module
    name = f"{entry.estimator}<br>{place}<br>`{entry.test.partition('::')[2]}`"
    start = f"| {name} | {entry.tag} | {entry.reference} | {entry.rows} |"
    if not heard.comparisons:
        return [f"{start} {heard.n_passed} | 0 | exact |"]
    parts = sorted(heard.comparisons.values(), key=lambda part: (part.is_relative, part.tolerance))
    return [f"{start} {_numbers(part)}" for part in parts]


def _numbers(part: Comparison) -> str:
    unit = " relative" if part.is_relative else ""
    return f"{part.n_numbers} | {part.largest:.1e} | {part.tolerance:.0e}{unit} |"


def _worlds() -> list[str]:
    """Return what the second generator, which is not the demo's, says of the panel models."""
    kept = json.loads(WORLDS.read_text(encoding="utf-8"))
    return [
        "\n## Worlds the estimators were not built on\n",
        "Within-client effect of `cf_alliance_symptom_lag`; what it means is on its "
        "[page](methods/within-client-effect.md).\n",
        table_of(kept).rstrip(),
    ]


def _coverage() -> list[str]:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    n_seeds = result["seeds"]
    error = 100 * sqrt(0.95 * 0.05 / n_seeds)
    quantities = result["quantities"]
    n, held = (sum(tally[key] for tally in quantities.values()) for key in ("n", "held"))
    lines = [
        "\n## Planted truth over many seeds\n",
        f"`{result['command']}`, {result['date']}: {n_seeds} draws of each demo clinic "
        f"({result['sessions_per_clinic']:,} sessions, missing forms included) through the "
        "estimators of `transforms/` that feed the tables; files, readers and SQL are left out "
        "(`tests/acceptance/test_planted_truth.py` runs whole nights). The truth is the "
        "large-sample value of `demo/expected.py`. Nominal 95 %; with so many draws the "
        f"Monte Carlo error of a line is {error:.1f} points. All together "
        f"{100 * held / n:.1f} % of {n:,} intervals held the truth; if each line were nominal and "
        f"none leaned on another, so few or fewer had a chance of {binom.cdf(held, n, 0.95):.3f}. "
        "One reason is known: the large-sample value of the slope between clients is a plain "
        "regression over all clients, the estimator weighs clients by their sessions and asks for "
        "four pairs each, so its target lies a little beside that value.\n",
        "| clinic: quantity | intervals | held the truth | below it | above it |",
        "|---|---|---|---|---|",
    ]
    for name, tally in quantities.items():
        share = 100 * tally["held"] / tally["n"]
        lines.append(
            f"| {name} | {tally['n']} | {share:.1f} % | {tally['too_low']} | {tally['too_high']} |"
        )
    return lines


if __name__ == "__main__":
    write_book(listen())
