"""The committed parity book lists what the tests compare, each within its tolerance."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from lifelines.statistics import logrank_test
from scipy.stats import binom

from tests.parity.book import BOOK, ROOT
from tests.parity.coverage import RESULT, covered
from tests.parity.entries import ENTRIES, NOT_COVERED, PUBLISHED, UNIT_TESTS
from tests.parity.recorder import Recorder

DOMAIN = [
    *(f"K{n}" for n in range(1, 10)),
    *(f"R{n}" for n in range(1, 19)),
    *(f"§6.{n}" for n in range(2, 6)),
]
# Chance that a sound 95 % interval holds the truth less often is below 1 in 10,000.
RARE = 1e-4


@pytest.fixture(scope="module")
def book() -> str:
    return BOOK.read_text(encoding="utf-8")


def rows_of(book: str, heading: str) -> list[list[str]]:
    part = book.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_book_lists_every_entry_with_its_reference(book):
    """After a change of the entries: python -m tests.parity.book."""
    rows = rows_of(book, "Estimators")
    listed = {(row[0].split("<br>")[0], row[1], row[2], row[3]) for row in rows}

    assert listed == {(e.estimator, e.tag, e.reference, e.rows) for e in ENTRIES}


def test_every_difference_is_within_its_tolerance(book):
    for name, _, _, _, numbers, difference, tolerance in rows_of(book, "Estimators"):
        assert int(numbers) > 0, name
        allowed = 0 if tolerance == "exact" else float(tolerance.split()[0])
        assert float(difference) <= allowed, name


def test_every_listed_test_exists():
    for entry in ENTRIES:
        file, _, name = entry.test.partition("::")
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), entry.test
    unit_tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "models").rglob("*.yml")
    )
    for _, _, name in UNIT_TESTS:
        assert f"name: {name}\n" in unit_tests
    recomputed = (ROOT / "tests/acceptance/test_tables_recomputed.py").read_text(encoding="utf-8")
    for *_, name in PUBLISHED:
        assert f"\ndef {name}(" in recomputed


def test_the_whole_of_the_domain_brief_is_covered_or_listed_as_not(book):
    tags = " ".join(entry.tag for entry in ENTRIES)
    for low, high in re.findall(r"K(\d)–K(\d)", tags):
        tags += "".join(f" K{n}" for n in range(int(low), int(high) + 1))
    tags += " " + " ".join(tag for tag, *_ in (*UNIT_TESTS, *NOT_COVERED))

    missing = [tag for tag in DOMAIN if not re.search(rf"{re.escape(tag)}(?!\d)", tags)]
    assert missing == []


@pytest.mark.filterwarnings("ignore:Starting with pandas")  # inside lifelines
def test_log_rank_of_lifelines_equals_survdiff():
    """Domain brief R7, R's survdiff: chi-square .384615, p .535143."""
    time = np.array([10, 20, 30, 10, 20, 50])
    status = np.array([1, 0, 1, 1, 0, 1])
    first = np.array([1, 1, 1, 0, 0, 0], dtype=bool)

    found = logrank_test(time[first], time[~first], status[first], status[~first])

    assert found.test_statistic == pytest.approx(0.384615, abs=1e-6)
    assert found.p_value == pytest.approx(0.535143, abs=1e-6)


def test_the_recorder_notes_the_largest_difference_and_keeps_the_verdict():
    recorder = Recorder()
    recorder._test = "t"
    from tests.parity.recorder import Listening

    assert np.array([1.0, 2.0]) == Listening(recorder, np.array([1.0, 2.25]), abs=0.5)
    assert Listening(recorder, 3.0, abs=0.5) != 1.0
    part = recorder.heard["t"].comparisons[(0.5, False)]
    assert (part.largest, part.n_numbers) == (2.0, 3)


def test_kept_coverage_is_nominal_within_chance():
    """The result of 200 seeds, kept in the book; the slow test below repeats it."""
    result = json.loads(RESULT.read_text(encoding="utf-8"))

    assert result["seeds"] == 200
    assert len(result["quantities"]) == 21
    assert_nominal(result["quantities"], 200)


@pytest.mark.slow
def test_planted_truth_is_covered_over_200_seeds():
    assert_nominal(covered(200), 200)


def assert_nominal(quantities: dict[str, dict[str, int]], n_seeds: int) -> None:
    """Assert that no quantity is covered less, or missed on one side more, than chance allows."""
    for name, tally in quantities.items():
        assert tally["n"] >= 0.95 * n_seeds, name
        assert tally["held"] + tally["too_low"] + tally["too_high"] == tally["n"], name
        assert binom.cdf(tally["held"], tally["n"], 0.95) > RARE, name
        for side in ("too_low", "too_high"):
            assert binom.sf(tally[side] - 1, tally["n"], 0.025) > RARE, (name, side)
