"""Score one Parquet file of responses into one Parquet file of scores, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import SCORES
from pipeline.storage.parquet import whole
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry
from transforms.instruments.scoring import ScaleScores, score_items
from transforms.instruments.stored_totals import WITHOUT_ANSWERS, fits, totals_of_blanks
from transforms.sql import text
from transforms.statistics.arrays import Bools, Floats

BATCH_ROWS = 250_000
_BLANK = "is_without_answers"
_EQUAL = 1e-6
# instrument, version, rater, language as the rows have them
Form = tuple[str, str | None, str | None, str | None]


def write_scores(
    con: duckdb.DuckDBPyConnection, responses: Path, target: Path, registry: Registry
) -> None:
    """Write one row per response × scale of the instrument it names.

    A form without a single answer but with a submitted score keeps that score, marked
    ``score_source = 'submitted'``; not where its feed maps items and the score is what a formula
    makes of blanks. A form with too few answers has a NULL score. Responses whose
    instrument the registry does not know have no scores. Answers outside the instrument's range
    are treated as a form without a score: validation quarantines the row.
    """
    con.execute("set arrow_lossless_conversion = true")  # keys stay UUID
    columns = set(pq.read_schema(responses).names)
    with (
        whole(target) as partial,
        pq.ParquetWriter(partial, SCORES, compression="snappy") as writer,
    ):
        for kind, instrument in _forms(con, responses, registry):
            for batch in _batches(con, responses, columns, kind, instrument):
                for rows in _score_batch(batch, instrument):
                    writer.write_batch(rows)


def _forms(
    con: duckdb.DuckDBPyConnection, responses: Path, registry: Registry
) -> Iterator[tuple[Form, Instrument]]:
    """Yield each kind of form in the file with the definition it falls under."""
    kinds = con.execute(
        f"""
        select distinct instrument_id, version, rater, language
        from read_parquet({quoted(responses)})
        where instrument_id is not null
        order by all
        """
    ).fetchall()
    for kind in kinds:
        instrument = registry.find(*kind)
        if instrument is not None:
            yield kind, instrument


def _batches(
    con: duckdb.DuckDBPyConnection,
    responses: Path,
    columns: set[str],
    kind: Form,
    instrument: Instrument,
) -> Iterator[pa.RecordBatch]:
    """Yield the forms of one kind: identity, items in order, submitted scores."""
    n_items = instrument.items.n if instrument.items else 0
    wanted = [f"item_{n}" for n in range(1, n_items + 1)]
    wanted += [f"submitted_{scale}" for scale in instrument.scales]
    values = [name if name in columns else f"cast(null as double) as {name}" for name in wanted]
    without = f"coalesce(list_contains(bad_cells, {text(WITHOUT_ANSWERS)}), false)"
    values.append(f"{without} as {_BLANK}" if "bad_cells" in columns else f"false as {_BLANK}")
    query = f"""
        select {", ".join(["response_key", "file_id", "source_line", "language", *values])}
        from read_parquet({quoted(responses)})
        where instrument_id = $1
            and version is not distinct from $2
            and rater is not distinct from $3
            and language is not distinct from $4
    """
    yield from con.execute(query, list(kind)).to_arrow_reader(BATCH_ROWS)


def _score_batch(batch: pa.RecordBatch, instrument: Instrument) -> Iterator[pa.RecordBatch]:
    answers = _answers(batch, instrument) if instrument.items else None
    scores = {} if answers is None else score_items(answers, instrument)
    for scale in instrument.scales:
        submitted = _numbers(batch, f"submitted_{scale}")
        computed = scores.get(scale)
        fit = np.full(len(submitted), None, dtype=object)
        if answers is not None and computed is not None:
            fit = fits(answers, instrument, scale, computed.score, submitted)
        yield _rows(batch, instrument, scale, computed, submitted, fit)


def _answers(batch: pa.RecordBatch, instrument: Instrument) -> Floats:
    """Return forms × items with NaN for unanswered; a form with an impossible answer is blank."""
    grid = instrument.grid
    answers = np.column_stack([_numbers(batch, f"item_{n}") for n in range(1, grid.n + 1)])
    impossible = (answers < grid.min) | (answers > grid.max)
    if impossible.any():
        answers[impossible.any(axis=1)] = np.nan
    return answers


def _stands(batch: pa.RecordBatch, instrument: Instrument, scale: str, submitted: Floats) -> Bools:
    """Return which submitted scores somebody can have computed, from answers not shown here."""
    is_given: Bools = ~np.isnan(submitted)
    is_blank = np.asarray(batch.column(_BLANK).to_numpy(zero_copy_only=False), dtype=bool)
    if instrument.scores_supplied or not is_blank.any():
        return is_given
    of_blanks = np.array(totals_of_blanks(instrument, scale))
    is_formula = np.isclose(submitted[:, None], of_blanks, rtol=0, atol=_EQUAL).any(axis=1)
    stands: Bools = is_given & ~(is_blank & is_formula)
    return stands


def _numbers(batch: pa.RecordBatch, column: str) -> Floats:
    values = batch.column(column).to_numpy(zero_copy_only=False)
    numbers: Floats = values.astype(np.float64, copy=False)
    return numbers


def _rows(
    batch: pa.RecordBatch,
    instrument: Instrument,
    scale: str,
    computed: ScaleScores | None,
    submitted: np.ndarray,
    fit: np.ndarray,
) -> pa.RecordBatch:
    n_rows = batch.num_rows
    if computed is None:  # supplied scores only
        nothing = np.zeros(n_rows, dtype=np.int32)
        computed = ScaleScores(np.full(n_rows, np.nan), nothing, nothing, nothing.astype(bool))
    stands = _stands(batch, instrument, scale, submitted)
    is_submitted = (computed.n_answered == 0) & stands
    return pa.RecordBatch.from_arrays(
        [
            batch.column("response_key"),
            batch.column("file_id"),
            batch.column("source_line"),
            *(_constant(value, n_rows) for value in instrument.key[:3]),
            batch.column("language"),
            _constant(scale, n_rows),
            pa.array(np.where(is_submitted, submitted, computed.score), from_pandas=True),
            pa.array(computed.n_answered, pa.int32()),
            pa.array(computed.n_items, pa.int32()),
            pa.array(computed.is_prorated),
            pc.if_else(pa.array(is_submitted), "submitted", "computed"),
            pa.array(submitted, from_pandas=True),
            pa.array(fit, pa.string()),
            _constant(instrument.score_version, n_rows),
        ],
        schema=SCORES,
    )


def _constant(value: str, n_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), n_rows)
