"""What each delivery looks like: made from its staged rows, kept for accepted files.

``work/<run>/forms/<clinic>/`` holds the profiles of the night; a profile moves to
``lake/quality/form_profiles/`` once its file is accepted. Profiles are counts of answers: they
stay here, readable by their owner only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from pipeline.home import Home
from pipeline.storage.duckdb_session import quoted
from pipeline.storage.lake import lake_file
from pipeline.storage.landing import Delivery
from pipeline.storage.parquet import whole
from transforms.clinics.clinic import Clinic
from transforms.form_changes.compare import Key
from transforms.form_changes.profile import (
    Form,
    Profile,
    Sheet,
    form_of,
)
from transforms.intake.column_mapping import ColumnMapping
from transforms.sql import only_row
from transforms.statistics.withheld import Record

DATES = {"responses": "completed_at", "sessions": "session_at", "episodes": "start_date"}
SAMPLE = 50_000  # rows of a file its answers are profiled from, in blocks of 2,048
KEPT = 60  # profiles per source; older ones are deleted


def accepted_profiles(home: Home, clinic_id: str) -> list[Profile]:
    """Return the profiles of a clinic's accepted files, oldest first."""
    folder = home.lake / "quality" / "form_profiles" / f"clinic={clinic_id}"
    found = [Profile.from_document(read_json(path)) for path in folder.glob("*.json")]
    return sorted(found, key=lambda one: (one.received_at, one.source_file, one.file_id))


def profile_of(home: Home, run_id: str, clinic_id: str, file_id: str) -> Profile | None:
    """Return the profile of a file of this night; None where it could not be read."""
    path = forms_folder(home, run_id, clinic_id) / f"{file_id}.json"
    return Profile.from_document(read_json(path)) if path.exists() else None


def keep_profile(home: Home, profile: Profile) -> None:
    """Make an accepted file what later ones of its source are compared with."""
    folder = home.lake / "quality" / "form_profiles" / f"clinic={profile.clinic_id}"
    write_json(folder / f"{profile.file_id}.json", profile.as_document())


def forget_old_profiles(home: Home, clinic_id: str) -> None:
    """Delete the profiles of each source that newer ones of it make needless."""
    folder = home.lake / "quality" / "form_profiles" / f"clinic={clinic_id}"
    of_source: dict[str, list[Profile]] = {}
    for profile in accepted_profiles(home, clinic_id):
        of_source.setdefault(profile.family, []).append(profile)
    for same in of_source.values():
        for old in same[:-KEPT]:
            (folder / f"{old.file_id}.json").unlink()


def profile_what_is_left(
    con: duckdb.DuckDBPyConnection, home: Home, clinic_id: str, file_id: str
) -> None:
    """Write a kept profile anew from the rows the lake still has of its file.

    Counts of rows as they came stay; answers and periods are of what is left.
    """
    path = home.lake / "quality" / "form_profiles" / f"clinic={clinic_id}" / f"{file_id}.json"
    if not path.exists():
        return
    profile = Profile.from_document(read_json(path))
    left = {
        sheet.table: rows
        for sheet in profile.sheets
        if (rows := lake_file(home, sheet.table, clinic_id, f"{file_id}.parquet")).exists()
    }
    sheets = []
    for sheet in profile.sheets:
        is_left = sheet.table in left
        first_at, last_at = (
            _period(con, sheet.table, left[sheet.table]) if is_left else (None, None)
        )
        sheets.append(replace(sheet, first_at=first_at, last_at=last_at))
    forms = _forms(con, left["responses"]) if "responses" in left else ()
    write_json(path, replace(profile, sheets=tuple(sheets), forms=forms).as_document())


def profile_delivery(
    con: duckdb.DuckDBPyConnection,
    clinic: Clinic,
    delivery: Delivery,
    mappings: Mapping[str, Sequence[ColumnMapping]],
    staged: Mapping[str, Path],
) -> Profile:
    """Return what a file that was read and staged looks like."""
    sheets = []
    for table, of_table in mappings.items():
        period = _period(con, table, staged[table])
        sheets += [_sheet(clinic, table, mapping, period) for mapping in of_table]
    return Profile(
        delivery.clinic_id,
        delivery.file_id,
        delivery.source_file,
        delivery.received_at.isoformat(),
        tuple(sheets),
        _forms(con, staged["responses"]) if "responses" in staged else (),
    )


def _sheet(
    clinic: Clinic, table: str, mapping: ColumnMapping, period: tuple[str | None, str | None]
) -> Sheet:
    constants = (mapping.constants.get(name, "") for name in ("instrument", "version", "rater"))
    wired = {name: tuple(join.join) for name, join in mapping.cells.items()}
    wired |= {f"item_{number}": (column,) for number, column in mapping.items.items()}
    wired |= {f"submitted_{scale}": (column,) for scale, column in mapping.submitted.items()}
    # What a batch of a REDCap project lacks is read as empty, and is missing all the same.
    lacking = set(mapping.source.absent)
    wired = {name: columns for name, columns in wired.items() if not lacking & {*columns}}
    return Sheet(
        table,
        mapping.source.sheet,
        "/".join(constants),
        tuple(column for column in mapping.source.columns if column not in lacking),
        wired,
        mapping.source.n_rows,
        *period,
        is_snapshot=(mapping.feed.delivery or clinic.delivery) == "snapshot",
        member=mapping.source.member,
    )


def _period(
    con: duckdb.DuckDBPyConnection, table: str, path: Path
) -> tuple[str | None, str | None]:
    if table not in DATES:
        return (None, None)
    at = DATES[table]
    found = con.execute(
        f"select min({at})::varchar, max({at})::varchar from read_parquet({quoted(path)})"
    )
    first_at, last_at = only_row(found)
    return first_at, last_at


def _forms(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[Form, ...]:
    """Profile the answers of a staged file by instrument, version and rater."""
    written = pq.ParquetFile(path)
    items = sorted(
        (name for name in written.schema_arrow.names if name.startswith("item_")),
        key=lambda name: int(name.removeprefix("item_")),
    )
    if not items:
        return ()
    every = max(1, written.metadata.num_rows // SAMPLE)
    cells = con.execute(
        f"""
        select instrument_id, version, rater, {", ".join(items)}
        from read_parquet({quoted(path)})
        where instrument_id is not null and (source_line // 2048) % {every} = 0
        """
    ).fetchnumpy()
    answers = _matrix(cells, items)
    names = [np.ma.filled(cells[name], "") for name in ("instrument_id", "version", "rater")]
    forms: dict[Key, list[int]] = {}
    for row, key in enumerate(zip(*names, strict=True)):
        forms.setdefault(key, []).append(row)
    return tuple(form_of(key, answers[rows]) for key, rows in sorted(forms.items()))


def _matrix(cells: Record, items: list[str]) -> np.ndarray:
    """Return answers (forms, items); the column of item n is n - 1 also where items are absent."""
    numbers = [int(name.removeprefix("item_")) for name in items]
    answers = np.full((len(cells[items[0]]), max(numbers)), np.nan)
    for number, name in zip(numbers, items, strict=True):
        answers[:, number - 1] = np.ma.filled(cells[name].astype(float), np.nan)
    return answers


def forms_folder(home: Home, run_id: str, clinic_id: str) -> Path:
    """Return where a night keeps a clinic's profiles and findings."""
    return home.work(run_id) / "forms" / clinic_id


def write_json(path: Path, document: Record | list[Record]) -> None:
    """Write a document whole, readable by its owner only."""
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(document), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote: an object or a list of objects, as the caller knows."""
    return json.loads(path.read_text(encoding="utf-8"))
