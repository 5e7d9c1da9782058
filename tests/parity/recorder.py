"""Listen to the comparisons of tests: how far was each number from its reference?

`pytest.approx` is replaced while the tests of the parity book run: it judges as always and notes
the largest difference and the tolerance it judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

DEFAULT_RELATIVE = 1e-6


@dataclass
class Comparison:
    """All numbers of one test that were judged by one tolerance."""

    tolerance: float
    is_relative: bool
    largest: float = 0.0
    n_numbers: int = 0


@dataclass
class Heard:
    """What one test function compared, over all its parameters."""

    n_passed: int = 0
    n_failed: int = 0
    n_skipped: int = 0
    comparisons: dict[tuple[float, bool], Comparison] = field(default_factory=dict)


class Listening:
    """Stands in for one `pytest.approx(…)`: same verdict, and the difference is noted."""

    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, recorder: Recorder, expected, rel=None, abs=None, nan_ok=False) -> None:
        self._recorder = recorder
        self._expected = expected
        self._judge = recorder.approx(expected, rel=rel, abs=abs, nan_ok=nan_ok)
        is_relative = abs is None
        self._tolerance = (DEFAULT_RELATIVE if rel is None else rel) if is_relative else abs
        self._is_relative = is_relative

    def __eq__(self, actual: object) -> bool:
        self._recorder.note(actual, self._expected, self._tolerance, self._is_relative)
        return self._judge == actual

    def __ne__(self, actual: object) -> bool:
        return not self == actual

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return repr(self._judge)


class Recorder:
    """A pytest plugin; ``heard`` has one entry per test function, by node id without parameters."""

    def __init__(self) -> None:
        self.approx = pytest.approx
        self.heard: dict[str, Heard] = {}
        self._test: str | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._test = item.nodeid.partition("[")[0]
        pytest.approx = lambda expected, rel=None, abs=None, nan_ok=False: Listening(
            self, expected, rel, abs, nan_ok
        )
        try:
            return (yield)
        finally:
            pytest.approx = self.approx
            self._test = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        heard = self.heard.setdefault(report.nodeid.partition("[")[0], Heard())
        if report.when == "call":
            heard.n_passed += report.passed
            heard.n_failed += report.failed
        heard.n_skipped += report.skipped

    def note(self, actual: object, expected: object, tolerance: float, is_relative: bool) -> None:
        """Keep the largest difference of one comparison."""
        if self._test is None:
            return
        try:
            found, wanted = (np.asarray(v, dtype=float).ravel() for v in (actual, expected))
        except (TypeError, ValueError):
            return  # a nested comparison is noted number by number
        if found.shape != wanted.shape or not len(wanted):
            return
        difference = np.abs(found - wanted)
        if is_relative:
            difference = difference / np.maximum(np.abs(wanted), 1e-300)
        comparisons = self.heard.setdefault(self._test, Heard()).comparisons
        part = comparisons.setdefault(
            (tolerance, is_relative), Comparison(float(tolerance), is_relative)
        )
        part.largest = max(part.largest, float(np.nanmax(difference)))
        part.n_numbers += len(wanted)
