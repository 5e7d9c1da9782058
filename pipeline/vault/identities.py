"""Which identifier became which key, one sealed file per delivery and table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.vault.keyring import Keyring
from pipeline.vault.keys import open_vault
from pipeline.vault.sealing import SUFFIX

_RELATION = "unsealed_identities"
_PLAIN = ".parquet"  # of a vault from before it was sealed


def keep(ring: Keyring, written: Path, folder: Path) -> None:
    """Seal identities that were written into the scratch folder; nothing of them stays there."""
    ring.write(folder / f"{written.stem}{SUFFIX}", written.read_bytes())
    written.unlink()


def files(home: Home, clinic_id: str = "*", name: str = "*") -> list[Path]:
    """Return the files of identities in order of receipt, sealed or from before."""
    folder = home.vault / "identities"
    found = folder.glob(f"clinic={clinic_id}/*/{name}.*")
    return sorted(path for path in found if path.suffix in (SUFFIX, _PLAIN) and path.name[0] != ".")


@contextmanager
def identities(
    con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, name: str = "*"
) -> Iterator[str | None]:
    """Yield a relation with what a clinic's identities are; None where there are none.

    Columns: those of the files (client_id, client_key, birth_date, therapist_id, therapist_key) and
    ``file``, which sorts by time of receipt. It exists in memory only, and inside the block.
    """
    paths = files(home, clinic_id, name)
    if not paths:
        yield None
        return
    tables = []
    for path, content in _contents(home, paths):
        table = pq.ParquetFile(BytesIO(content)).read()
        place = pa.array([f"{path.parent.name}/{path.name}"] * table.num_rows, pa.string())
        tables.append(table.append_column("file", place))
    con.register(_RELATION, pa.concat_tables(tables, promote_options="default"))
    try:
        yield _RELATION
    finally:
        con.unregister(_RELATION)


def forget(con: duckdb.DuckDBPyConnection, home: Home, is_theirs: Callable[[str], str]) -> None:
    """Write every file anew that has rows of a person, without these.

    Parameters
    ----------
    is_theirs : returns the SQL condition for a person's rows in a relation; empty where none can be
    """
    for path, content in _contents(home, files(home)):
        table = pq.ParquetFile(BytesIO(content)).read()
        con.register(_RELATION, table)
        try:
            theirs = is_theirs(_RELATION) or "false"
            stays = con.execute(f"select not ({theirs}) as stays from {_RELATION}").to_arrow_table()
        finally:
            con.unregister(_RELATION)
        left = table.filter(stays.column("stays"))
        if left.num_rows < table.num_rows:
            _replace(open_vault(home), path, left)


def take_over(home: Home, ring: Keyring) -> int:
    """Seal what lies plain in a vault from before; return how many files. Safe to repeat."""
    plain = [path for path in files(home) if path.suffix == _PLAIN]
    for path in plain:
        ring.write(path.with_suffix(SUFFIX), path.read_bytes())
        path.unlink()
    return len(plain)


def _contents(home: Home, paths: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield each file with its Parquet bytes; plain ones of a vault from before need no key."""
    ring = open_vault(home) if any(path.suffix == SUFFIX for path in paths) else None
    for path in paths:
        yield path, ring.read(path) if ring and path.suffix == SUFFIX else path.read_bytes()


def _replace(ring: Keyring, path: Path, rows: pa.Table) -> None:
    written = BytesIO()
    pq.write_table(rows, written)
    ring.write(path.with_suffix(SUFFIX), written.getvalue())
    if path.suffix == _PLAIN:
        path.unlink()
