"""Files that could not be read, as counts of the rules F01 and F02 like any other finding."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.manifests import count_promises, read_manifests
from pipeline.storage.parquet import write_rows

COUNTS = pa.schema(
    [
        ("run_id", pa.string()),
        ("clinic_id", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("table_name", pa.string()),
        ("rule_id", pa.string()),
        ("n_scope", pa.int64()),
        ("n_failed", pa.int64()),
        ("error", pa.string()),
    ]
)
FILE_RULES = ("F01", "F02")
# A reader's code for a refusal, and the rule of the catalogue it belongs to.
FILE_RULE = {
    "F01": "F01",  # cannot be read
    "F03": "F01",  # another delimiter than expected
    "F05": "F01",  # ragged rows
    "F02": "F02",  # a required column is missing
    "F04": "F02",  # no header, blank or double names
    "F06": "F02",  # belongs to no table
    "F07": "F02",  # labels where codes are needed
    "F08": "F02",  # no data dictionary
    "F09": "F01",  # day and month cannot be told apart
}


def write_refusal_counts(
    home: Home, run_id: str, clinic_id: str, files: Iterable[tuple[str, str, str]]
) -> None:
    """Count each file once under each rule a reader decides.

    Parameters
    ----------
    files : tuples (file_id, source_file, rule the file was refused under or "")
        A file refused under F01 was never looked at for F02: not in scope there.
    """
    rows = []
    for file_id, source_file, refused_under in files:
        for rule_id in FILE_RULES:
            in_scope = not (refused_under == "F01" and rule_id == "F02")
            rows.append(
                {
                    "run_id": run_id,
                    "clinic_id": clinic_id,
                    "file_id": file_id,
                    "source_file": source_file,
                    "table_name": None,
                    "rule_id": rule_id,
                    "n_scope": int(in_scope),
                    "n_failed": int(refused_under == rule_id),
                    "error": None,
                }
            )
    path = home.work(run_id) / "counts" / f"{clinic_id}-files.parquet"
    write_rows(path, rows, COUNTS)


def write_promise_counts(
    home: Home, run_id: str, clinic_id: str, files: Iterable[tuple[str, str, int | None]]
) -> set[str]:
    """Count what the clinic's manifests say of each file (F04, F05); return the files cut off.

    Parameters
    ----------
    files : tuples (file_id, source_file, rows read; None for a file that could not be read)
    """
    promises = read_manifests(home.landing / clinic_id)
    rows, cut_off = [], set()
    for file_id, source_file, n_read in files:
        period, total = count_promises(promises, source_file, n_read)
        if total.n_failed:
            cut_off.add(file_id)
        rows += [
            {
                "run_id": run_id,
                "clinic_id": clinic_id,
                "file_id": file_id,
                "source_file": source_file,
                "table_name": None,
                "rule_id": count.rule_id,
                "n_scope": count.n_scope,
                "n_failed": count.n_failed,
                "error": count.error,
            }
            for count in (period, total)
        ]
    write_rows(home.work(run_id) / "counts" / f"{clinic_id}-manifest.parquet", rows, COUNTS)
    return cut_off
