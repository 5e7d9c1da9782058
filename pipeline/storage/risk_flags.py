"""Risk answers of accepted forms, written beside the scores so that each reaches a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import lake_file
from pipeline.storage.parquet import whole, write_rows
from transforms.instruments.definition import Instrument
from transforms.instruments.flags import raise_flags
from transforms.instruments.registry import Registry
from transforms.instruments.scoring import score_items
from transforms.statistics.withheld import Record

KIND = "risk"
SCHEMA = pa.schema(
    [
        ("response_key", pa.uuid()),
        ("file_id", pa.string()),
        ("source_line", pa.int64()),
        ("instrument_id", pa.string()),
        ("version", pa.string()),
        ("rater", pa.string()),
        ("flag", pa.string()),
        ("label", pa.string()),
        ("is_raised", pa.bool_()),
        ("definition_version", pa.string()),
    ]
)


def write_empty_flags(home: Home) -> None:
    """Give the folder a file with its schema, so that reading it never fails."""
    write_rows(home.lake / "flags" / "empty.parquet", [], SCHEMA)


def write_flags(con: duckdb.DuckDBPyConnection, home: Home, registry: Registry) -> int:
    """Write one row per accepted form and risk flag its answers raise; return how many files.

    A form on which a missing answer could still raise the flag has a row too, with is_raised NULL:
    it neither alarms nor gives the all-clear. A form that clearly has none has no row.

    A file of responses that has its flags is not read again, until a risk flag of the registry
    changes. Flags of files that are no longer in the lake go.
    """
    folder = home.lake / "flags"
    stamp = folder / "definitions.txt"
    definitions = _fingerprint(registry)
    is_current = stamp.exists() and stamp.read_text(encoding="utf-8") == definitions
    responses = {
        lake_file(home, "flags", path.parent.name.removeprefix("clinic="), path.name): path
        for path in sorted((home.lake / "responses").glob("clinic=*/*.parquet"))
    }
    for path in folder.glob("clinic=*/*.parquet"):
        if not is_current or path not in responses:
            path.unlink()
    wanted = {target: path for target, path in responses.items() if not target.exists()}
    for target, path in wanted.items():
        _write_file(con, path, target, registry)
    if not is_current:
        write_empty_flags(home)
        with whole(stamp) as partial:  # last: a run killed before it starts anew
            partial.write_text(definitions, encoding="utf-8")
    return len(wanted)


def risk_instruments(registry: Registry) -> list[Instrument]:
    """Return the definitions with a risk flag."""
    return [
        instrument
        for instrument in registry.instruments
        if any(flag.kind == KIND for flag in instrument.flags.values())
    ]


def _fingerprint(registry: Registry) -> str:
    lines = {
        "/".join(instrument.key): [instrument.score_version, _flags_of(instrument)]
        for instrument in risk_instruments(registry)
    }
    written = {"columns": SCHEMA.to_string(), "not_known": None, "flags": lines}
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def _flags_of(instrument: Instrument) -> Record:
    return {
        name: flag.model_dump(mode="json", include={"kind", "match", "conditions", "label"})
        for name, flag in instrument.flags.items()
        if flag.kind == KIND
    }


def _write_file(
    con: duckdb.DuckDBPyConnection, responses: Path, target: Path, registry: Registry
) -> None:
    con.execute("set arrow_lossless_conversion = true")  # keys stay UUID
    described = con.execute(f"describe select * from read_parquet({quoted(responses)})").fetchall()
    columns = {row[0] for row in described}
    with whole(target) as partial, pq.ParquetWriter(partial, SCHEMA) as writer:
        for instrument, form in _forms(con, responses, registry):
            for batch in _batches(con, responses, columns, instrument, form):
                for rows in _raised(batch, instrument):
                    writer.write_batch(rows)


def _forms(
    con: duckdb.DuckDBPyConnection, responses: Path, registry: Registry
) -> Iterator[tuple[Instrument, list[object]]]:
    """Yield each kind of form with risk flags: its definition and its key as the rows have it."""
    ids = sorted({instrument.instrument_id for instrument in risk_instruments(registry)})
    kinds = con.execute(
        f"""
        select distinct instrument_id, version, rater, language
        from read_parquet({quoted(responses)})
        where list_contains($1, instrument_id)
        order by all
        """,
        [ids],
    ).fetchall()
    for kind in kinds:
        instrument = registry.find(*kind)
        if instrument is not None and _flags_of(instrument):
            yield instrument, list(kind)


def _batches(
    con: duckdb.DuckDBPyConnection,
    responses: Path,
    columns: set[str],
    instrument: Instrument,
    form: list[object],
) -> Iterator[pa.RecordBatch]:
    names = [f"item_{n}" for n in range(1, instrument.grid.n + 1)]
    items = [name if name in columns else f"cast(null as double) as {name}" for name in names]
    yield from con.execute(
        f"""
        select response_key, file_id, source_line, {", ".join(items)}
        from read_parquet({quoted(responses)})
        where instrument_id = $1
            and version is not distinct from $2
            and rater is not distinct from $3
            and language is not distinct from $4
        """,
        form,
    ).to_arrow_reader(250_000)


def _raised(batch: pa.RecordBatch, instrument: Instrument) -> Iterator[pa.RecordBatch]:
    answers = np.column_stack(
        [
            batch.column(f"item_{n}").to_numpy(zero_copy_only=False).astype(np.float64)
            for n in range(1, instrument.grid.n + 1)
        ]
    )
    for name, result in raise_flags(answers, score_items(answers, instrument), instrument).items():
        flag = instrument.flags[name]
        matters = result.is_raised | ~result.is_assessable
        if flag.kind != KIND or not matters.any():
            continue
        picked = batch.select(["response_key", "file_id", "source_line"]).filter(pa.array(matters))
        columns = dict(zip(picked.schema.names, picked.columns, strict=True))
        raised = result.is_raised[matters]
        columns["is_raised"] = pa.array(raised, mask=~raised)  # not raised here is not known
        written = dict(zip(("instrument_id", "version", "rater"), instrument.key, strict=False))
        written |= {"flag": name, "label": flag.label}
        written |= {"definition_version": instrument.definition_version}
        for column, value in written.items():
            columns[column] = pa.repeat(pa.scalar(value), picked.num_rows)
        yield pa.RecordBatch.from_arrays([columns[n] for n in SCHEMA.names], schema=SCHEMA)
