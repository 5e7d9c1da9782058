"""A temporary table whose columns are found while its rows are written."""

from __future__ import annotations

from pathlib import Path

import duckdb

from transforms import sql
from transforms.errors import FileRefused
from transforms.formats.source import CELLS_AT_ONCE, LINE, Source

MOST_COLUMNS = 3_000


class GrowingTable:
    """Rows of text cells, handed over to DuckDB as Parquet files readable by their owner only."""

    def __init__(self, scratch: Path, columns: tuple[str, ...]) -> None:
        self.scratch = scratch
        self.stem = sql.new_relation("source")
        self.cells: dict[str, list[str | None]] = {}
        self.lines: list[int] = []
        self.n_rows = 0
        self.parts: list[Path] = []
        self._lower: dict[str, str] = {LINE: LINE}
        for column in columns:
            self.add_column(column)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns so far."""
        return tuple(self.cells)

    def add_column(self, column: str) -> None:
        """Add a column unless it is there.

        Raises
        ------
        FileRefused
            F08: another one differs from it by capitals only, or there are too many.
        """
        if column in self.cells:
            return
        if self._lower.setdefault(column.lower(), column) != column or column == LINE:
            raise FileRefused(
                "F08",
                "Two columns differ by capital letters only, or one is called like Rapport's own",
                "Give the questions linkIds of their own",
            )
        if len(self.cells) == MOST_COLUMNS:
            raise FileRefused("F01", f"More than {MOST_COLUMNS:,} columns", "Export fewer forms")
        self.cells[column] = [None] * len(self.lines)

    def add(self, line: int, row: dict[str, str | None]) -> None:
        """Add one row; every key must be a column."""
        for column, cells in self.cells.items():
            cells.append(row.get(column))
        self.lines.append(line)
        self.n_rows += 1
        if len(self.lines) * len(self.cells) >= CELLS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.scratch / f"{self.stem}.{len(self.parts)}.parquet"
        path.touch(mode=0o600)
        self.parts.append(path)
        arrays = [pa.array(self.lines, pa.int64())]
        arrays += [pa.array(cells, pa.string()) for cells in self.cells.values()]
        table = pa.Table.from_arrays(arrays, names=[LINE, *self.cells])
        pq.write_table(table, path, compression="snappy")
        self.lines = []
        self.cells = {column: [] for column in self.cells}

    def source(self, con: duckdb.DuckDBPyConnection, sheet: str) -> Source:
        """Load all rows into a temporary table; its dates are ISO 8601."""
        try:
            self._flush()
            kept = ", ".join(map(sql.name, (*self.cells, LINE)))
            parts = sql.texts(map(str, self.parts))
            con.execute(
                f"create temp table {self.stem} as select {kept} "
                f"from read_parquet([{parts}], union_by_name = true)"
            )
        finally:
            self.remove()
        return Source(
            sheet or None,
            self.stem,
            self.columns,
            self.n_rows,
            has_real_dates=True,
            drops=(f"drop table {self.stem}",),
        )

    def remove(self) -> None:
        """Delete what was written to the scratch folder."""
        for path in self.parts:
            path.unlink(missing_ok=True)
        self.parts = []
