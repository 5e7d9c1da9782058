"""The one SELECT that turns a feed's source rows into rows of the lake's shape.

Two layers. The inner one reads each cell: text as `t_…`, typed values as `v_…`. The outer one
looks up and computes keys, fills version and language, and names the cells that could not be
converted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from transforms import sql
from transforms.cells import bad_cells, converted
from transforms.clinics.clinic import Clinic
from transforms.contract import ORDER, Column, Table, lake_columns
from transforms.formats.source import LINE
from transforms.instruments.defaults import Defaults
from transforms.instruments.stored_totals import WITHOUT_ANSWERS
from transforms.intake.clinic_times import instant, local, offset_of, ordered, wall_clock
from transforms.intake.column_mapping import ColumnMapping
from transforms.intake.identities import KeyTables, keyed_by
from transforms.intake.pseudonyms import id_message, parts_message, pseudonym
from transforms.intake.source_rows import (
    clean_cell,
    is_item_plain,
    item_text,
    nobody_cell,
    reading_of,
    row_filter,
    submitted_text,
)

# Ids carry no control characters, so this cannot occur in one.
_UNIT = "\x1f"


@dataclass(frozen=True)
class Delivery:
    """Where rows come from: the same for all rows of a file."""

    clinic: Clinic
    file_id: str
    source_file: str
    received_at: datetime


def projection(
    table: Table,
    mapping: ColumnMapping,
    delivery: Delivery,
    keys: KeyTables,
    defaults: Defaults,
    *,
    items: tuple[int, ...],
    submitted: tuple[str, ...],
) -> str:
    """Return the SELECT of one feed. It takes `GroupKey.parameters`.

    items, submitted : the columns all feeds of the table have together; what this feed does
        not have is NULL.
    """
    part = _Part(table, mapping, delivery, keys)
    outer = part.outer_columns()
    outer |= {f"item_{n}": _or_null(f"v_item_{n}", n in mapping.items) for n in items}
    outer |= {
        f"submitted_{scale}": _or_null(f"v_submitted_{scale}", scale in mapping.submitted)
        for scale in submitted
    }
    outer["bad_cells"] = bad_cells(part.bad_tests())
    selected = ",\n".join(f"{value} as {sql.name(name)}" for name, value in outer.items())
    return f"select {selected}\nfrom ({part.inner()}) as cells {part.joins(defaults)}"


def _or_null(expression: str, is_there: bool) -> str:
    return expression if is_there else "null::double"


class _Part:
    """The pieces of one feed's SELECT."""

    def __init__(
        self, table: Table, mapping: ColumnMapping, delivery: Delivery, keys: KeyTables
    ) -> None:
        self.table = table
        self.mapping = mapping
        self.delivery = delivery
        self.clinic = delivery.clinic
        self.keys = keys
        self.reading = reading_of(mapping, delivery.clinic)

    @property
    def _typed(self) -> list[Column]:
        return [column for column in self.table.columns if column.kind not in ("text", "id")]

    def inner(self) -> str:
        """Return the SELECT that reads the cells."""
        cells = {LINE: LINE}
        for column in self.table.columns:
            cells[f"t_{column.name}"] = clean_cell(self.mapping, self.clinic, column.name)
        for column in self._typed:
            text = cells[f"t_{column.name}"]
            if column in self._moments:
                cells[f"o_{column.name}"] = offset_of(text)
                cells[f"w_{column.name}"] = wall_clock(text, self.reading)
            else:
                cells[f"v_{column.name}"] = converted(text, column.kind, self.reading)
        if self._is_given("client_id"):
            cells["n_client_id"] = nobody_cell(self.mapping, self.clinic, "client_id")
        for number, item in self.mapping.items.items():
            is_plain = is_item_plain(self.mapping, self.clinic, number)
            text = sql.name(item) if is_plain else item_text(self.mapping, self.clinic, number)
            cells[f"v_item_{number}"] = converted(text, "number", self.reading)
            cells[f"t_item_{number}"] = text
        for scale in self.mapping.submitted:
            clean = submitted_text(self.mapping, self.clinic, scale)
            cells[f"v_submitted_{scale}"] = converted(clean, "number", self.reading)
            cells[f"t_submitted_{scale}"] = clean
        selected = ",\n".join(f"{value} as {name}" for name, value in cells.items())
        kept = row_filter(self.mapping, self.clinic)
        rows = f"select {selected}\nfrom {self.mapping.source.relation} where {kept}"
        return f"select *{self._times()} from ({rows})" if self._moments else rows

    @property
    def _moments(self) -> list[Column]:
        """Return the moments a source may give; the rest are NULL and cost nothing."""
        return [c for c in self._typed if c.kind == "timestamp" and self._is_given(c.name)]

    @property
    def _places(self) -> list[str]:
        """Return the columns that give the order of rows without a time of day."""
        return [c.name for c in ORDER if c in self.table.columns and self._is_given(c.name)]

    def _times(self) -> str:
        zone = self.clinic.zone
        places = ", ".join(f"v_{name}::double" for name in self._places)
        made = ""
        for column in self._moments:
            cells = f"o_{column.name}", f"w_{column.name}"
            clock = local(*cells, zone)
            if places and column.required:
                clock = ordered(clock, f"coalesce({places})")
            made += f", {clock} as v_{column.name}"
            made += f", {instant(*cells, zone)} as u_{column.name}"
        return made

    def bad_tests(self) -> dict[str, str]:
        """Return, by column, the condition that its text could not be converted."""
        names = [column.name for column in self._typed if self._is_given(column.name)]
        names += [f"item_{number}" for number in self.mapping.items]
        names += [f"submitted_{scale}" for scale in self.mapping.submitted]
        # A plain item's text was not cleaned yet: blanks alone are no value.
        given = "trim(t_{}) <> ''" if self.reading.has_blanks else "t_{} is not null"
        tests = {name: f"(v_{name} is null and {given.format(name)})" for name in names}
        if self.mapping.items and self.mapping.submitted:
            tests[WITHOUT_ANSWERS] = self._is_without_answers()
        return tests | ({"client_id": "n_client_id"} if self._is_given("client_id") else {})

    def _is_without_answers(self) -> str:
        """Return SQL for: a stored score, and no answer to any of the items the feed maps.

        Where a cell says the instrument, the items are known to be its only if another form of it
        in the file has answers.
        """
        answered = f"coalesce({', '.join(f'v_item_{n}' for n in self.mapping.items)}) is not null"
        stored = ", ".join(f"v_submitted_{scale}" for scale in self.mapping.submitted)
        blank = f"(not ({answered}) and coalesce({stored}) is not null)"
        if "instrument" in self.mapping.constants:
            return blank
        forms = "partition by t_instrument, t_version, t_rater"
        return f"({blank} and bool_or({answered}) over ({forms}))"

    def _is_given(self, column: str) -> bool:
        return column in self.mapping.cells or column in self.mapping.constants

    def outer_columns(self) -> dict[str, str]:
        """Return the lake's columns in order: name to SQL."""
        values = self._provenance()
        if self.table.key not in {column.lake_name for column in self.table.columns}:
            values[self.table.key] = pseudonym(self._natural_message(self.table.key))
        given = [column.name for column in self._moments]
        for column in self.table.columns:
            values[column.lake_name] = self._value(column)
            if column.utc_name:
                is_given = column.name in given
                values[column.utc_name] = f"u_{column.name}" if is_given else "null"
        return {name: f"{values[name]}::{kind}" for name, kind in lake_columns(self.table).items()}

    def _provenance(self) -> dict[str, str]:
        return {
            "clinic_id": sql.text(self.clinic.clinic),
            "source_file": sql.text(self.delivery.source_file),
            "source_sheet": sql.text(self.mapping.source.place)
            if self.mapping.source.place
            else "null",
            "source_line": LINE,
            "file_id": sql.text(self.delivery.file_id),
            "received_at": sql.text(self.delivery.received_at.isoformat(sep=" ")),
        }

    def _value(self, column: Column) -> str:
        if column.kind == "id":
            return self._key(column)
        if self.table.name == "responses" and column.name == "version":
            return "coalesce(t_version, default_versions.version)"
        if self.table.name == "responses" and column.name == "language":
            defaults = "default_languages" if self._is_given("version") else "default_versions"
            return f"coalesce(t_language, {defaults}.language)"
        return f"t_{column.name}" if column.kind == "text" else f"v_{column.name}"

    def _key(self, column: Column) -> str:
        if column.name in self.keys.relations:
            own = f"k_{column.name}.key" if self._is_given(column.name) else "null"
            is_joint = column.name == "group_id" and self.keys.joint
            return f"coalesce({own}, joint.key)" if is_joint else own
        named = f"{self._id_prefix()}{keyed_by(column, 't_')}"
        own = pseudonym(id_message(column.id_space, self.clinic.clinic, named))
        if column.required:
            return own
        natural = pseudonym(self._natural_message(column.id_space))
        if not self._is_given(column.name):
            return natural
        return f"case when t_{column.name} is not null then {own} else {natural} end"

    def _id_prefix(self) -> str:
        """Return what makes a record id unique to this feed.

        One wide row with several questionnaires gives several responses with one record id.
        The feeds differ in the instrument or rater they set, and so do the pseudonyms.
        """
        constants = [
            self.mapping.constants[name]
            for name in ("instrument", "version", "rater")
            if name in self.mapping.constants and self.table.name == "responses"
        ]
        return "".join(f"{sql.text(_UNIT + value + _UNIT)} || " for value in constants)

    def _natural_message(self, id_space: str) -> str:
        names = (
            *self.table.key_parts,
            *(self._places if "completed_at" in self.table.key_parts else ()),
        )
        parts = [self._key_part(self.table.column(name)) for name in names]
        return parts_message(id_space.removesuffix("_key"), self.clinic.clinic, parts)

    def _key_part(self, column: Column) -> str:
        if column.name == "version":
            return self._value(column)
        if column.kind in ("text", "id"):
            return f"t_{column.name}"
        # 2024-05-01 and 2024-05-01 00:00 are the same moment; unreadable text stands for itself.
        moment = f"v_{column.name}"
        if column in self._moments:
            name = column.name
            moment = f"case when o_{name} <> '' then u_{name} else w_{name} end"
        return f"coalesce(({moment})::varchar, t_{column.name})"

    def joins(self, defaults: Defaults) -> str:
        """Return the joins: keys by identifier, version and language by instrument."""
        joined = [
            f"left join {relation} as k_{column} on k_{column}.id = "
            f"{keyed_by(self.table.column(column), 'cells.t_')}"
            for column, relation in self.keys.relations.items()
            if self._is_given(column)
        ]
        if self.keys.joint:
            joined.append(f"left join {self.keys.joint} as joint on joint.id = cells.t_session_id")
        if self.table.name == "responses":
            joined.append(self._default_join(defaults.versions, "default_versions"))
        if self.table.name == "responses" and self._is_given("version"):
            joined.append(
                f"{self._default_join(defaults.languages, 'default_languages')} "
                f"and default_languages.version = {self._value(self.table.column('version'))}"
            )
        return "\n".join(joined)

    @staticmethod
    def _default_join(relation: str, alias: str) -> str:
        return (
            f"left join {relation} as {alias} on {alias}.instrument = cells.t_instrument "
            f"and {alias}.rater = cells.t_rater"
        )
