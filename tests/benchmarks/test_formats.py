"""The bench of the formats runs, and its table says what was measured."""

import pytest
from rich.console import Console

from benchmarks.formats import Rate, format_table, measure_formats


def test_every_format_gives_back_every_row():
    rates = measure_formats(24, repeats=1)

    names = [rate.name for rate in rates]
    assert {"CSV", "Excel", "REDCap", "FHIR", "Qualtrics", "LimeSurvey"} < set(names)
    assert len(names) == len(set(names)) == 14
    assert all(rate.n_rows == 24 and rate.seconds > 0 for rate in rates)


def test_rate_and_ratio():
    """20,000 rows in 2 s are 10,000 a second; 2 s are 40 times 50 ms."""
    rate = Rate("Excel", 20_000, 1_000_000, 2.0, 0.05)

    assert rate.rows_per_second == pytest.approx(10_000)
    assert rate.ratio == pytest.approx(40)


def test_the_table_is_sorted_by_cost():
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(format_table([Rate("Excel", 100, 1, 2.0, 0.05), Rate("CSV", 100, 1, 1.0, 0.05)]))

    printed = console.export_text()
    assert printed.index("CSV ") < printed.index("Excel")
    assert "50 ms" in printed
    assert "40.0" in printed
