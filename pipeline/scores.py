"""Score one Parquet file of responses into one Parquet file of scores, a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.duck import quoted, write_atomically
from transforms.registry import Instrument, Registry
from transforms.scoring import score_items

BATCH_ROWS = 250_000


def write_scores(
    con: duckdb.DuckDBPyConnection, responses: Path, target: Path, registry: Registry
) -> None:
    """Write one row per response × scale of the instrument it names.

    A form without a single answer but with a submitted score keeps that score, marked
    ``score_source = 'submitted'``. A form with too few answers has a NULL score. Responses whose
    instrument the registry does not know have no scores. Answers outside the instrument's range
    are treated as a form without a score: validation quarantines the row.
    """
    con.execute("set arrow_lossless_conversion = true")  # keys stay UUID
    columns = {
        row[0]
        for row in con.execute(
            f"describe select * from read_parquet({quoted(responses)})"
        ).fetchall()
    }
    partial = write_atomically(target)
    with pq.ParquetWriter(partial, SCHEMA, compression="snappy") as writer:
        for instrument in _instruments(con, responses, registry):
            for batch in _batches(con, responses, columns, instrument):
                for rows in _score_batch(batch, instrument):
                    writer.write_batch(rows)
    os.replace(partial, target)


SCHEMA = pa.schema(
    [
        ("response_key", pa.uuid()),
        ("file_id", pa.string()),
        ("source_line", pa.int64()),
        ("instrument_id", pa.string()),
        ("version", pa.string()),
        ("rater", pa.string()),
        ("language", pa.string()),
        ("scale", pa.string()),
        ("score", pa.float64()),
        ("n_answered", pa.int32()),
        ("n_items", pa.int32()),
        ("is_prorated", pa.bool_()),
        ("score_source", pa.string()),
        ("submitted_score", pa.float64()),
        ("score_version", pa.string()),
    ]
)
