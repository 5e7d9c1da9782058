"""Licensed curves of expected scores: from the configuration to the lake."""

from __future__ import annotations

import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.parquet import write_rows
from transforms.instruments.expected_curves import CURVE_COLUMNS, NUMBERS, read_curves

CURVES = pa.schema(
    [(name, pa.float64() if name in NUMBERS else pa.string()) for name in CURVE_COLUMNS]
)


def write_curves(home: Home) -> int:
    """Export every table of ``config/expected_response`` for dbt; return how many rows."""
    rows = []
    for path in sorted((home.config / "expected_response").glob("*.csv")):
        rows += read_curves(path.read_text(encoding="utf-8-sig"), path.name)
    write_rows(home.lake / "registry" / "expected_curves.parquet", rows, CURVES)
    return len(rows)
