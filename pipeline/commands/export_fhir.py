"""Published scores for other systems: FHIR R4 Observations, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import duckdb

from pipeline.home import Home
from pipeline.storage.configuration import read_registry
from pipeline.storage.parquet import whole
from transforms.errors import NothingToDoError
from transforms.formats.fhir.observations import ndjson, observations
from transforms.statistics.withheld import Record

BATCH_ROWS = 10_000


def export_fhir(home: Home, target: Path, zone: tzinfo | None = None) -> int:
    """Write the published scores as FHIR R4 Observations (NDJSON); return how many.

    Ordered by key and scale, so that two exports of one release are the same file. People appear
    as pseudonymous references. The file is the owner's only and appears when it is whole.
    """
    if not home.published.exists():
        raise NothingToDoError("export: nothing is published yet. Run `rapport run` first.")
    count = 0
    with (
        duckdb.connect(str(home.published.resolve()), read_only=True) as con,
        whole(target) as partial,
    ):
        partial.touch(mode=0o600)
        with partial.open("w", encoding="utf-8") as file:
            for line in ndjson(observations(_scores(con), read_registry(home), zone=zone)):
                file.write(line)
                count += 1
    return count


def _scores(con: duckdb.DuckDBPyConnection) -> Iterator[Record]:
    found = con.execute(
        "select * from core.fct_scores where score is not null order by response_key, scale"
    )
    names = [column[0] for column in found.description]
    while rows := found.fetchmany(BATCH_ROWS):
        for row in rows:
            yield dict(zip(names, row, strict=True))
