"""The audit chain: each entry of the log carries the hash of the one before it.

An entry says what was done, to which file by hash, by whom and why; never a name of a file, an
identifier or a cell. Changing, removing, inserting or reordering an entry breaks every hash after
it. Who can write to the database could write the whole chain anew: the last hash, noted elsewhere,
shows that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

BEGINNING = "0" * 64
COLUMNS = ("entry", "at", "event", "detail", "previous")


def detail_text(detail: Mapping[str, object]) -> str:
    """Return what was done as one line of JSON, the same for the same."""
    return json.dumps(detail, sort_keys=True, ensure_ascii=False, default=str)


def sealed(row: Mapping[str, object]) -> str:
    """Return the hash of an entry over all it says and the hash of the entry before."""
    said = json.dumps([str(row[column]) for column in COLUMNS], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def broken(rows: Iterable[Mapping[str, Any]], n_written: int | None = None) -> list[str]:
    """Return what is wrong with a chain, in its order; nothing when it is whole.

    Parameters
    ----------
    n_written : how many entries the database remembers to have written, where it can
    """
    found, previous, last = [], BEGINNING, 0
    for row in rows:
        number = row["entry"]
        if number != last + 1:
            found.append(f"entry {last + 1} is missing before entry {number}")
        elif row["previous"] != previous:
            found.append(f"entry {number} does not follow the one before it")
        if sealed(row) != row["hash"]:
            found.append(f"entry {number} is not what was written")
        previous, last = row["hash"], number
    if n_written is not None and n_written > last:
        found.append(f"the last {n_written - last} entries are missing after entry {last}")
    return found
