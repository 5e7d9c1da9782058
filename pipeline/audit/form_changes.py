"""Compare each file of the night with the accepted ones of its source, and say what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.audit.refused_files import COUNTS
from pipeline.home import Home
from pipeline.storage.configuration import read_registry
from pipeline.storage.form_profiles import (
    accepted_profiles,
    forms_folder,
    profile_delivery,
    read_json,
    write_json,
)
from pipeline.storage.landing import Delivery
from pipeline.storage.parquet import write_rows
from pipeline.storage.snapshots import share_absent, snapshot_of
from transforms.clinics.clinic import Clinic
from transforms.contract import TABLES
from transforms.errors import FileRefused
from transforms.form_changes.answer_shift import Definition
from transforms.form_changes.compare import (
    ROW_RULE_CHANGES,
    TOO_FEW,
    Change,
    Key,
    changes,
    changes_of_night,
    has_reference,
    lost,
    undecided,
)
from transforms.form_changes.limits import load_limits
from transforms.form_changes.profile import Form, Profile
from transforms.instruments.registry import Registry
from transforms.intake.column_mapping import ColumnMapping
from transforms.intake.item_sets import ItemSet, in_words, item_sets, lacking

FILE_RULES = ("F03", "F12", "F13")
FORM_CHANGES = pa.schema(
    [
        ("run_id", pa.string()),
        ("run_at", pa.timestamp("us")),
        ("clinic_id", pa.string()),
        ("file_id", pa.string()),
        ("source_file", pa.string()),
        ("table_name", pa.string()),
        ("instrument_id", pa.string()),
        ("change", pa.string()),
        ("column_name", pa.string()),
        ("message", pa.string()),
        ("remedy", pa.string()),
        ("is_blocking", pa.bool_()),
    ]
)


class FormWatch:
    """Looks at one clinic's files of one night, in the order they come."""

    def __init__(self, home: Home, run_id: str, clinic: Clinic) -> None:
        self._home, self._run_id, self._clinic = home, run_id, clinic
        self._earlier = accepted_profiles(home, clinic.clinic)
        self._before = tuple(self._earlier)
        self._tonight: list[Profile] = []
        self._read: list[Profile] = []
        self._staged: dict[tuple[str, str], Path] = {}
        self._limits = load_limits(home.config / "form_change.yml")
        self._registry = read_registry(home)
        self._found: dict[str, list[Change]] = {}
        self._lost: dict[str, list[Change]] = {}
        self._compared: set[str] = set()
        self.item_sets: dict[str, list[ItemSet]] = {}

    def look(
        self,
        con: duckdb.DuckDBPyConnection,
        delivery: Delivery,
        mappings: Mapping[str, Sequence[ColumnMapping]],
        staged: Mapping[str, Path],
    ) -> None:
        """Profile a file that was read, compare it with what came before, keep both."""
        profile = profile_delivery(con, self._clinic, delivery, mappings, staged)
        # Any other name is what stood in a cell; its rows are quarantined (S03).
        profile = replace(profile, forms=tuple(filter(self._is_defined, profile.forms)))
        short = self._short_feeds(delivery.file_id, mappings)
        # None of its forms is loaded (S34): they are nothing to compare later ones with.
        profile = profile.without({one.instrument for one in short})
        # A file beside this one, under a name of another kind, is no earlier delivery of it.
        beside = {id(old) for old in self._tonight if old.family != profile.family}
        earlier = [old for old in self._earlier if id(old) not in beside]
        found = changes(profile, earlier, self._limits, self._known)
        found += self._deletions(con, profile, staged)
        found += [self._too_short(one) for one in short]
        # A snapshot holds the forms of the files before it once more.
        so_far = [] if snapshot_of(profile, "responses") else earlier
        found += undecided(profile, so_far, self._limits)
        if self._clinic.accepts_change_in(Path(delivery.source_file).name):
            is_new = any(change.is_blocking for change in found)
            profile = replace(profile, is_new_reference=is_new)
            found = [_looked_at(change) for change in found]
        self._found[delivery.file_id] = found
        if has_reference(profile, earlier):
            self._compared.add(delivery.file_id)
        write_json(self._work / f"{delivery.file_id}.json", profile.as_document())
        self._read.append(profile)
        if not any(change.is_blocking for change in found):
            self._earlier.append(profile)
            self._tonight.append(profile)
            for table, path in staged.items():
                self._staged[profile.family, table] = path

    def note_refused(self, delivery: Delivery, refusal: FileRefused) -> None:
        """Note which columns of earlier deliveries a file lacks; the rule F02 counts it."""
        found = lost(delivery.source_file, refusal.missing, self._earlier)
        self._lost[delivery.file_id] = list(found)

    @property
    def blocked(self) -> set[str]:
        """Files a change keeps out of the lake."""
        return {
            file_id
            for file_id, found in self._found.items()
            if any(change.is_blocking for change in found)
        }

    def write(self, names: Mapping[str, str]) -> None:
        """Write the findings, and how often the rules F03, F12 and F13 were kept.

        Parameters
        ----------
        names : file_id to source_file of every file of the night
        """
        self._compare_nights()
        rows = [
            {"file_id": file_id, "source_file": names[file_id]} | asdict(change)
            for file_id, found in (self._found | self._lost).items()
            for change in found
        ]
        write_json(self._work / "changes.json", rows)
        counts = [
            self._count(file_id, names[file_id], rule_id)
            for file_id in names
            for rule_id in FILE_RULES
        ]
        path = self._home.work(self._run_id) / "counts" / f"{self._clinic.clinic}-forms.parquet"
        write_rows(path, counts, COUNTS)

    def _compare_nights(self) -> None:
        """Judge what each source sent tonight as a whole; what is found stands at its last file."""
        sources: dict[str, list[Profile]] = {}
        for profile in self._read:
            sources.setdefault(profile.family, []).append(profile)
        held = {profile.family for profile in self._before}
        is_only = len(sources.keys() - held) == 1
        for of_source in sources.values():
            self._found[of_source[-1].file_id] += changes_of_night(
                of_source, self._before, self._limits, is_only_new_name=is_only
            )
            if len(of_source) > 1:
                self._note_rows(of_source)

    def _note_rows(self, of_source: Sequence[Profile]) -> None:
        """Note in each file's profile how many rows its source sent: not all are kept."""
        totals: Counter[tuple[object, ...]] = Counter()
        for profile in of_source:
            for sheet in profile.sheets:
                so_far = 0 if sheet.is_snapshot else totals[sheet.kind]
                totals[sheet.kind] = so_far + sheet.n_rows
        for profile in of_source:
            sheets = (replace(one, n_rows_of_night=totals[one.kind]) for one in profile.sheets)
            noted = replace(profile, sheets=tuple(sheets))
            write_json(self._work / f"{profile.file_id}.json", noted.as_document())

    @property
    def _work(self) -> Path:
        return forms_folder(self._home, self._run_id, self._clinic.clinic)

    def _count(self, file_id: str, source_file: str, rule_id: str) -> dict[str, Any]:
        found = [change for change in self._found.get(file_id, ()) if _rule(change) == rule_id]
        return {
            "run_id": self._run_id,
            "clinic_id": self._clinic.clinic,
            "file_id": file_id,
            "source_file": source_file,
            "table_name": None,
            "rule_id": rule_id,
            "n_scope": int(file_id in self._compared or bool(found)),
            "n_failed": int(bool(found)),
            "error": None,
        }

    def _short_feeds(
        self, file_id: str, mappings: Mapping[str, Sequence[ColumnMapping]]
    ) -> list[ItemSet]:
        """Return the feeds whose instrument lacks an item column, unless the file is nothing else.

        Such a file is rejected as a whole (S03, F12).
        """
        sets = item_sets(self._clinic, mappings.get("responses", ()))
        self.item_sets[file_id] = sets
        short = [one for one in sets if self._lacking(one)]
        named = {one.instrument for one in short}
        others = [
            mapping
            for of_table in mappings.values()
            for mapping in of_table
            if mapping.constants.get("instrument", "").strip().lower() not in named
        ]
        return short if others else []

    def _lacking(self, one: ItemSet) -> frozenset[int]:
        if one.instrument is None:
            return frozenset()
        return lacking(self._registry.find(one.instrument, one.version, one.rater), one)

    def _too_short(self, one: ItemSet) -> Change:
        return Change(
            "incomplete_form",
            "responses",
            f"feed {one.feed}: {one.instrument} has no column for "
            f"{in_words(self._lacking(one))}; no form of it is loaded from this file",
            "Ask the clinic for the column, or correct `items` of this feed in the clinic's YAML; "
            "then send the file again, under any name",
            False,
            instrument_id=one.instrument,
        )

    def _is_defined(self, form: Form) -> bool:
        return any(
            form.instrument_id == one.instrument_id
            and form.version in (one.version, "", None)
            and form.rater in (one.rater, "", None)
            for one in self._registry.instruments
        )

    def _known(self, key: Key) -> Definition:
        return _definition(self._registry, *key)

    def _deletions(
        self, con: duckdb.DuckDBPyConnection, profile: Profile, staged: Mapping[str, Path]
    ) -> list[Change]:
        """Find snapshots that lack so much that they were most likely cut off."""
        found = []
        for table, path in staged.items():
            snapshot = snapshot_of(profile, table)
            if snapshot is None:
                continue
            before = self._staged.get((profile.family, table))
            n_absent, n_held = share_absent(
                con, self._home, TABLES[table], self._clinic.clinic, snapshot, path, before
            )
            if n_absent > self._clinic.largest_deletion * n_held:
                found.append(_too_small(self._clinic, table, n_absent, n_held))
        return found


def found_changes(home: Home, run_id: str) -> list[dict[str, Any]]:
    """Return the findings of all clinics of a run, with ``clinic_id``."""
    folders = sorted((home.work(run_id) / "forms").glob("*/changes.json"))
    return [{"clinic_id": path.parent.name} | row for path in folders for row in read_json(path)]


def write_form_changes(
    home: Home, run_id: str, run_at: datetime
) -> dict[tuple[str, str], list[str]]:
    """Write the run's findings into the lake; return the messages of those that block a file."""
    of_run: dict[str, Any] = {"run_id": run_id, "run_at": run_at}
    rows = [of_run | row for row in found_changes(home, run_id)]
    write_rows(home.lake / "quality" / "form_changes" / f"{run_id}.parquet", rows, FORM_CHANGES)
    blocking: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["is_blocking"]:
            told = blocking.setdefault((row["clinic_id"], row["file_id"]), [])
            told.append(f"{row['message']}. {row['remedy']}.")
    return blocking


def _rule(change: Change) -> str | None:
    """Return the rule that counts a change; None of what is only a note."""
    if change.change == TOO_FEW:
        return None
    if change.is_blocking:
        return "F12"
    return "F03" if change.change in ROW_RULE_CHANGES else "F13"


def _looked_at(change: Change) -> Change:
    if not change.is_blocking:
        return change
    return replace(
        change,
        is_blocking=False,
        remedy="Nothing: accepted in the clinic's YAML, the new reference",
    )


def _too_small(clinic: Clinic, table: str, n_absent: int, n_held: int) -> Change:
    return Change(
        "snapshot_too_small",
        table,
        f"{n_absent:,} of {n_held:,} rows held are not in this snapshot, over "
        f"{clinic.largest_deletion:.0%}: it was most likely cut off",
        "Export everything again; if the rows were deleted, name the file under "
        "`accept_form_change` in the clinic's YAML",
        True,
    )


def _definition(registry: Registry, instrument_id: str, version: str, rater: str) -> Definition:
    own = registry.find(instrument_id, version or None, rater or None)
    if own is None or own.items is None:
        return Definition()
    others = {
        other.items.max
        for other in registry.instruments
        if other.items is not None
        and (other.family, other.items.n, other.items.min)
        == (own.family, own.items.n, own.items.min)
        and other.items.max != own.items.max
    }
    return Definition(own.items.max, tuple(sorted(others)), tuple(own.items.reverse))
