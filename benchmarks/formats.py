"""Rows per second of every export format, reading and mapping, against DuckDB alone on CSV.

    python benchmarks/formats.py [--rows 20000]

The same responses are written in every format; both sides run on this machine, one after the
other, best of three. There is no bar: the table says what a format costs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import export_writers as writers  # noqa: E402 - after the path is set
from benchmarks import survey_writers  # noqa: E402
from benchmarks.export_writers import Export, Response  # noqa: E402
from transforms.intake import stage as intake_stage  # noqa: E402
from transforms.intake.column_mapping import mappings_by_table  # noqa: E402
from transforms.intake.pseudonyms import GroupKey  # noqa: E402
from transforms.intake.read_file import read_export  # noqa: E402

THREADS = 2
ROWS = 20_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rate:
    """One format: rows, bytes, best seconds, and the best of DuckDB alone for the same rows."""

    name: str
    n_rows: int
    n_bytes: int
    seconds: float
    baseline_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Return responses read and mapped per second."""
        return self.n_rows / self.seconds

    @property
    def ratio(self) -> float:
        """Return how many times longer than DuckDB alone it takes."""
        return self.seconds / self.baseline_seconds


def made_responses(n_rows: int) -> list[Response]:
    """Return made-up responses: twelve a client, a week apart."""
    start = datetime(2024, 1, 1, 9)
    return [
        Response(
            f"{n // 12:07d}",
            start + 7 * (n % 12) * _DAY,
            tuple(None if (n + k) % 23 == 0 else (n * k % 21) / 2 for k in range(writers.N_ITEMS)),
        )
        for n in range(n_rows)
    ]


def made_exports(responses: list[Response]) -> dict[str, Export]:
    """Return the same responses as every format writes them."""
    plain = writers.delimited(responses)
    return {
        "CSV": plain,
        "CSV, Windows-1252, decimal comma": writers.delimited(
            responses, writers.Dialect("cp1252", ";", "\r\n", ",")
        ),
        "CSV in gzip": writers.gzipped(plain),
        "CSV in zip": writers.zipped(plain),
        "Excel": writers.workbook(responses),
        "REDCap": writers.redcap(responses),
        "Qualtrics": writers.qualtrics(responses),
        "FHIR": writers.fhir(responses),
        "wide CSV": writers.wide(responses),
        "long CSV": writers.long(responses),
        "LimeSurvey": survey_writers.limesurvey(responses),
        "Google Forms": survey_writers.google_forms(responses),
        "Microsoft Forms": survey_writers.microsoft_forms(responses),
        "SurveyMonkey": survey_writers.surveymonkey(responses),
    }


def best_seconds(action: Callable[[], object], repeats: int) -> float:
    """Return the shortest time an action took."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def measure(export: Export, folder: Path) -> int:
    """Read, map and write one export as the night does; return the rows staged."""
    path, scratch = folder / export.name, folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with duckdb.connect(config={"threads": THREADS}) as con:
        sources = read_export(path, export.clinic, con=con, scratch=scratch)
        ((table, mappings),) = mappings_by_table(export.clinic, path.name, sources).items()
        staged = intake_stage.stage(
            con,
            table,
            mappings,
            export.clinic,
            file_id="bench",
            source_file=path.name,
            received_at=datetime(2026, 1, 1),
            key=GroupKey.derive(b"0123456789abcdef0123456789abcdef", "bench"),
            registry_rows=[],
            out=folder / "staged.parquet",
            identities=folder / "identities.parquet",
        )
    return staged.n_rows


def measure_formats(n_rows: int = ROWS, *, repeats: int = 3) -> list[Rate]:
    """Measure every format on ``n_rows`` responses.

    Raises
    ------
    SystemExit
        A format did not give back every row.
    """
    responses = made_responses(n_rows)
    rates = []
    with tempfile.TemporaryDirectory(prefix="rapport-formats-") as place:
        plain = Path(place) / "plain.csv"
        plain.write_bytes(writers.delimited(responses).content)
        baseline = best_seconds(lambda: _read_alone(plain), repeats + 1)
        for name, export in made_exports(responses).items():
            folder = Path(place) / name
            folder.mkdir()
            for file, content in {**export.beside, export.name: export.content}.items():
                (folder / file).write_bytes(content)
            found: list[int] = []
            seconds = best_seconds(lambda: found.append(measure(export, folder)), repeats)  # noqa: B023
            if set(found) != {n_rows}:
                raise SystemExit(f"bench: {name} gave {found[0]:,} of {n_rows:,} rows.")
            rates.append(Rate(name, n_rows, len(export.content), seconds, baseline))
    return rates


def _read_alone(path: Path) -> None:
    with duckdb.connect(config={"threads": THREADS}) as con:
        con.execute("create temp table rows as select * from read_csv(?)", [str(path)])


def format_table(rates: list[Rate]) -> Table:
    """Return rows per second and the ratio to DuckDB alone, fastest first."""
    first = rates[0]
    table = Table(
        title=f"Reading and mapping {first.n_rows:,} responses "
        f"(DuckDB alone, CSV: {first.baseline_seconds * 1000:,.0f} ms)",
        title_justify="left",
    )
    table.add_column("format")
    for name in ("file MB", "seconds", "rows per second", "times DuckDB alone"):
        table.add_column(name, justify="right")
    for rate in sorted(rates, key=lambda rate: rate.seconds):
        table.add_row(
            rate.name,
            f"{rate.n_bytes / 1e6:.1f}",
            f"{rate.seconds:.2f}",
            f"{rate.rows_per_second:,.0f}",
            f"{rate.ratio:.1f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """Measure every format and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args(arguments)
    console = Console(width=max(100, Console().width))
    with console.status(f"{options.rows:,} responses in every format"):
        rates = measure_formats(options.rows)
    console.print(format_table(rates))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
