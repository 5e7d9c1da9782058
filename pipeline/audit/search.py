"""Where a person still occurs: every byte of a home outside landing/, tables decoded.

A pseudonym is looked for as 16 bytes in the two orders that files have, and as text in any
spelling; in DuckDB and Parquet files also as a value of any column. An identifier is looked for as
a word. Messages name places, never what was looked for.
"""

from __future__ import annotations

import gzip
import re
import uuid
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.vault.keys import open_vault
from pipeline.vault.sealing import SUFFIX
from transforms.sql import name, only_row, text, texts

SHORTEST = 6  # a shorter identifier cannot be told from a count or a line number
_UUID = re.compile(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


@dataclass(frozen=True)
class Wanted:
    """What to look for; ``identifier`` None where it is too short to be told apart."""

    client_key: uuid.UUID
    keys: frozenset[str]  # with that of the client, as `str(UUID)` writes them
    identifier: str | None

    @classmethod
    def of(cls, client_key: str, keys: Collection[str], identifier: str) -> Wanted:
        """Return what can be looked for."""
        told = identifier if len(identifier) >= SHORTEST else None
        return cls(uuid.UUID(client_key), frozenset({client_key, *keys}), told)


@dataclass(frozen=True)
class Found:
    """How much was searched, and the places that hold something."""

    n_files: int
    n_bytes: int
    places: tuple[str, ...]


def search(home: Home, wanted: Wanted, leaving_out: Collection[Path] = ()) -> Found:
    """Search every file of the home outside landing/."""
    places: list[str] = []
    n_files = n_bytes = 0
    with duckdb.connect() as con:
        for path in sorted(home.root.rglob("*")):
            below = path.relative_to(home.root)
            if below.parts[0] == "landing" or path in leaving_out or not path.is_file():
                continue
            if path.is_symlink():
                continue  # its target is searched by its own name
            content = path.read_bytes()
            n_files, n_bytes = n_files + 1, n_bytes + len(content)
            is_in = _in_sealed if path.suffix == SUFFIX else _in_file
            if is_in(con, home, path, content, wanted):
                places.append(below.as_posix())
    return Found(n_files, n_bytes, tuple(places))


def _in_file(
    con: duckdb.DuckDBPyConnection, home: Home, path: Path, content: bytes, wanted: Wanted
) -> bool:
    return _in_bytes(path, content, wanted) or _in_tables(con, path, wanted)


def _in_sealed(
    con: duckdb.DuckDBPyConnection, home: Home, path: Path, sealed: bytes, wanted: Wanted
) -> bool:
    """Say whether a sealed file of the vault holds the person; most are tables."""
    content = open_vault(home).opened(sealed, path)
    if not content.startswith(b"PAR1"):
        return _in_bytes(path.with_suffix(".json"), content, wanted)
    con.register("unsealed", pq.ParquetFile(BytesIO(content)).read())
    try:
        return _in_relation(con, "unsealed", wanted)
    finally:
        con.unregister("unsealed")


def landing_files(home: Home, wanted: Wanted) -> list[str]:
    """Return the delivered files that hold the identifier; they are nobody's to change."""
    if wanted.identifier is None:
        return []
    return [
        path.relative_to(home.root).as_posix()
        for path in sorted(home.landing.rglob("*"))
        if path.is_file() and _holds_word(_unpacked(path, path.read_bytes()), wanted.identifier)
    ]


def redact(path: Path, wanted: Wanted) -> bool:
    """Overwrite what is found in a text file by as many x; return whether there was something."""
    content = path.read_bytes()
    if not _in_bytes(path, content, wanted):
        return False
    for found in set(_UUID.findall(content.lower())):
        if str(uuid.UUID(found.decode())) in wanted.keys:
            content = re.sub(re.escape(found), b"x" * len(found), content, flags=re.IGNORECASE)
    if wanted.identifier is not None:
        word = wanted.identifier.encode()
        content = re.sub(_word(word), b"x" * len(word), content, flags=re.IGNORECASE)
    path.write_bytes(content)
    return True


def _in_bytes(path: Path, content: bytes, wanted: Wanted) -> bool:
    raw = wanted.client_key.bytes, _as_duckdb_stores(wanted.client_key)
    if any(form in content for form in raw):
        return True
    words = _unpacked(path, content)
    found = {str(uuid.UUID(one.decode())) for one in _UUID.findall(words.lower())}
    if found & wanted.keys:
        return True
    if path.suffix in (".duckdb", ".parquet") or wanted.identifier is None:
        return False  # decoded column by column
    return _holds_word(words, wanted.identifier)


def _in_tables(con: duckdb.DuckDBPyConnection, path: Path, wanted: Wanted) -> bool:
    if path.suffix == ".parquet":
        relation = f"read_parquet({quoted(path)}, hive_partitioning = false)"
        return _in_relation(con, relation, wanted)
    if path.suffix != ".duckdb":
        return False
    con.execute(f"attach {quoted(path)} as searched (read_only)")
    try:
        return any(_in_relation(con, relation, wanted) for relation in _tables(con))
    finally:
        con.execute("detach searched")


def _tables(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    found = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'searched'"
    ).fetchall()
    return (f"searched.{name(schema)}.{name(table)}" for schema, table in found)


def _in_relation(con: duckdb.DuckDBPyConnection, relation: str, wanted: Wanted) -> bool:
    conditions = []
    for column, kind, *_ in con.execute(f"describe select * from {relation}").fetchall():
        if kind == "UUID":
            conditions.append(f"{name(column)}::varchar in ({texts(wanted.keys)})")
        elif any(part in kind for part in ("VARCHAR", "UUID", "BLOB", "JSON")):
            words = f"lower({name(column)}::varchar)"
            conditions.append(
                f"list_has_any(regexp_extract_all({words}, {text(_UUID.pattern.decode())}), "
                f"[{texts(_spellings(wanted.keys))}])"
            )
            if wanted.identifier is not None:
                word = _word(re.escape(wanted.identifier.lower()).encode(), escaped=True).decode()
                conditions.append(f"regexp_matches({words}, {text(word)})")
    if not conditions:
        return False
    query = f"select count(*) from {relation} where {' or '.join(conditions)}"
    return bool(only_row(con.execute(query))[0])


def _spellings(keys: Collection[str]) -> list[str]:
    return [spelling for key in sorted(keys) for spelling in (key, key.replace("-", ""))]


def _word(word: bytes, *, escaped: bool = False) -> bytes:
    word = word if escaped else re.escape(word)
    # RE2 of DuckDB knows no look-behind.
    return (
        rb"(^|[^0-9a-zA-Z])" + word + rb"($|[^0-9a-zA-Z])"
        if escaped
        else (rb"(?<![0-9a-zA-Z])" + word + rb"(?![0-9a-zA-Z])")
    )


def _holds_word(content: bytes, word: str) -> bool:
    return re.search(_word(word.lower().encode()), content.lower()) is not None


def _unpacked(path: Path, content: bytes) -> bytes:
    """Return a file's bytes with those of what it packs, and of UTF-16 read as plain text."""
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as parts:
            return b" ".join(parts.read(one) for one in parts.namelist() if not one.endswith("/"))
    if path.suffix == ".gz":
        return gzip.decompress(content)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content + content.replace(b"\0", b"")
    return content


def _as_duckdb_stores(key: uuid.UUID) -> bytes:
    """Return 16 bytes as DuckDB writes a UUID: little-endian halves, the sign bit flipped."""
    high, low = (key.int >> 64) ^ (1 << 63), key.int & ((1 << 64) - 1)
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")
