"""Who was erased: a keyed hash for each, by which a later delivery of the same person stays out.

A tombstone is the name of a file in ``vault/erased/``. It is made from the pseudonym with the key
of the clinic's group, so that neither a pseudonym nor an identifier can be got back from it. While
an erasure is under way a sealed file holds what is still to be done; afterwards one says the day.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.parquet import copy_query, whole
from pipeline.vault.keyring import Keyring
from pipeline.vault.keys import open_vault
from pipeline.vault.sealing import SUFFIX
from transforms.intake.pseudonyms import GroupKey, pseudonym
from transforms.sql import texts
from transforms.statistics.withheld import Record

_PREFIX = "erased|"
_DONE = ".json"  # no word of the person: only the day


@dataclass
class Erasure:
    """One erasure under way.

    keys : pseudonyms of the person and of records that are nobody else's, as text.
    lines : (table, file_id, source_line) of rows in quarantine.
    counts : per file and table the numbers the ledger is to say, worked out before anything went.
    purged_before : the newest run when it was done; a later release has the person in no number.
    """

    tombstone: str
    clinic_id: str
    client_id: str
    client_key: str
    keys: list[str] = field(default_factory=list)
    lines: list[list[Any]] = field(default_factory=list)
    counts: list[Record] = field(default_factory=list)
    is_purged: bool = False
    purged_before: str = ""


def tombstone_of(key: GroupKey, client_key: uuid.UUID) -> str:
    """Return the keyed hash that stands for an erased person."""
    return str(key.pseudonym_of(f"{_PREFIX}{client_key}"))


def write(home: Home, erasure: Erasure) -> None:
    """Note what is to be done; from now on the person stays out."""
    _seal(open_vault(home), sealed_path(home, erasure.tombstone), asdict(erasure))


def close(home: Home, tombstone: str, day: str) -> None:
    """Keep only that somebody was erased."""
    with whole(_folder(home) / f"{tombstone}{_DONE}") as partial:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({"erased_on": day}), encoding="utf-8")
    sealed_path(home, tombstone).unlink(missing_ok=True)


def is_known(home: Home, tombstone: str) -> bool:
    """Say whether this person was or is being erased."""
    return tombstone in _tombstones(home)


def n_under_way(home: Home) -> int:
    """Return how many erasures have no certificate yet; needs no key."""
    return sum(1 for _ in _folder(home).glob(f"*{SUFFIX}"))


def under_way(home: Home) -> list[Erasure]:
    """Return the erasures that have no certificate yet."""
    paths = sorted(_folder(home).glob(f"*{SUFFIX}"))
    ring = open_vault(home) if paths else None
    return [Erasure(**json.loads(ring.read(path))) for path in paths if ring]


def sealed_path(home: Home, tombstone: str) -> Path:
    """Return where an erasure under way is written down."""
    return _folder(home) / f"{tombstone}{SUFFIX}"


def take_over(home: Home, ring: Keyring) -> int:
    """Seal the erasures under way of a vault from before; return how many. Safe to repeat."""
    n_sealed = 0
    for path in sorted(_folder(home).glob(f"*{_DONE}")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if "client_key" in document:
            _seal(ring, path.with_suffix(SUFFIX), document)
            path.unlink()
            n_sealed += 1
    return n_sealed


def keep_out(
    con: duckdb.DuckDBPyConnection, home: Home, key: GroupKey, staged: Path, identities: Path
) -> int:
    """Take erased persons out of a staged file and its identities; return how many rows."""
    tombstones = _tombstones(home)
    rows = f"read_parquet({quoted(staged)})"
    columns = pq.read_schema(staged).names if tombstones else []
    n_rows = 0
    # A row that merges somebody into an erased person names that person as well.
    for column in ("client_key", "merged_into_key"):
        if column not in columns:
            continue
        stone = pseudonym(f"'{_PREFIX}' || {column}::varchar")
        found = con.execute(
            f"select {column}::varchar, count(*) from {rows} where {column} is not null "
            f"group by {column} having {stone} in ({texts(tombstones)})",
            key.parameters,
        ).fetchall()
        if found:
            theirs = texts(person for person, _ in found)
            for path, named in ((staged, column), (identities, "client_key")):
                copy_query(
                    con,
                    f"select * from read_parquet({quoted(path)}) "
                    f"where {named} is null or {named}::varchar not in ({theirs})",
                    path,
                )
        n_rows += sum(count for _, count in found)
    return n_rows


def _folder(home: Home) -> Path:
    return home.vault / "erased"


def _tombstones(home: Home) -> list[str]:
    found = (path for kind in (SUFFIX, _DONE) for path in _folder(home).glob(f"[!.]*{kind}"))
    return sorted({path.stem for path in found})


def _seal(ring: Keyring, path: Path, document: Record) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    ring.write(path, json.dumps(document).encode())
