"""What a clinic's YAML may say: where its columns are and how its values are written.

A clinic without YAML sends canonical files and gets `canonical_clinic`. Every scalar is read
as the text it is written in, so the codes 01, -9 and no stay 01, -9 and no.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from transforms.clinics.expected import Expects
from transforms.formats.archive import is_archive
from transforms.formats.format import Block, Format
from transforms.formats.names import fits
from transforms.formats.options import Code, Options, known_zone
from transforms.formats.recognition.registry import blocks, format_named, formats
from transforms.formats.shapes.options import Long, Wide

DeliveryKind = Literal["increment", "snapshot"]
if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(one.name for one in formats())]
TableName = Literal["responses", "sessions", "episodes", "clients", "therapists"]
ITEM = re.compile(r"item_([1-9]\d*)")
SUBMITTED = re.compile(r"submitted_([a-z][a-z0-9_]*)")
Formats = Annotated[
    list[str],
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Strict(BaseModel):
    """A part of the YAML: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Join(Strict):
    """Several source columns joined into one value, for example record and event."""

    join: list[str] = Field(min_length=1, description="Source columns, in order.")
    separator: str = Field("-", description="Stands between them.")


class Dialect(Strict):
    """How values are written. A feed's own setting wins over the clinic's."""

    date_format: Formats = Field(
        default_factory=list,
        description="strptime formats of dates, tried in order. Empty: ISO 8601.",
    )
    timestamp_format: Formats = Field(
        default_factory=list,
        description="strptime formats of timestamps; date_format is tried too. Empty: ISO 8601.",
    )
    missing_codes: list[Code] = Field(
        default_factory=list, description="Texts that mean: no value. Added to the clinic's."
    )
    header_row: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Row (line of a text file) in which the column names begin. Left out: the "
        "first. What stands above is not read.",
    )
    header_rows: int | None = Field(
        None, ge=1, le=5, description="How many rows the names take; they are joined with blanks."
    )

    @field_validator("date_format", "timestamp_format", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Feed(Dialect):
    """One canonical table filled from one kind of source row."""

    table: TableName = Field(description="Canonical table the rows go into.")
    form: str | None = Field(None, description="REDCap form, or URL of the FHIR questionnaire.")
    sheet: str | None = Field(None, description="Sheet of a workbook.")
    files: str | None = Field(None, description="Only files whose name fits this pattern.")
    constants: dict[str, Code] = Field(
        default_factory=dict,
        alias="set",
        description="Canonical column: the same value in all rows.",
    )
    columns: dict[str, str | Join] | None = Field(
        None, description="Canonical column: source column. Left out: the names are canonical."
    )
    items: str | list[str] | dict[int, str] | None = Field(
        None, description="Item answers: a pattern such as srs_{n}, a list, or number: column."
    )
    submitted: dict[str, str] = Field(
        default_factory=dict, description="Scale: source column of the score the clinic computed."
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Canonical column (or `items`): code: word. Other codes stay as they are.",
    )
    when: dict[str, list[Code]] = Field(
        default_factory=dict, description="Source column: only rows with one of these values."
    )
    skip_unanswered: bool = Field(
        False, description="Leave out rows without any answer or submitted score."
    )
    order: str | None = Field(
        None,
        description="Source column that puts the rows of a client in order where they carry no "
        "time of day: session number, week, day since the start, visit. Same as `occasion` under "
        "`columns`; `values: {occasion: …}` turns words into numbers.",
    )
    wide: Wide | None = Field(None, description="One row per client holds several sessions.")
    long: Long | None = Field(None, description="One row per answer.")
    delivery: DeliveryKind | None = Field(
        None, description="Whether rows missing from a file were deleted. Left out: the clinic's."
    )

    @model_validator(mode="before")
    @classmethod
    def _ordered(cls, given: object) -> object:
        """Take `order` for the column of `occasion`."""
        if (
            isinstance(given, dict)
            and given.get("order")
            and isinstance(given.get("columns"), dict)
        ):
            return given | {"columns": {"occasion": given["order"]} | given["columns"]}
        return given

    @model_validator(mode="after")
    def _has_rows_to_order(self) -> Feed:
        if self.order and (self.columns is None or self.table not in ("responses", "sessions")):
            raise ValueError("order: only for responses or sessions with `columns`")
        return self

    @property
    def is_canonical(self) -> bool:
        """Whether source columns carry canonical names."""
        return self.columns is None

    @property
    def is_reshaped(self) -> bool:
        """Whether the feed reads rows made from wide rows or item rows."""
        return self.wide is not None or self.long is not None


class Exports(Dialect):
    """What wrote a clinic's exports, and how."""

    clinic: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name of its landing folder.")
    extends: str | None = Field(
        None,
        description="What clinics have in common: a name in config/clinics/groups, or a file's "
        "path from here. Maps merge, lists and values replace.",
    )
    group: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9_-]*)?$",
        description="Clinics of one group share clients and therapists. Left out: the clinic is a "
        "group of its own.",
    )
    name: str | None = Field(None, description="Name shown in reports.")
    format: FormatName = Field("canonical", description="What wrote the exports.")
    files: str = Field("*", description="Exports among the files of the landing folder.")
    dictionary: str | None = Field(
        None,
        description="File name pattern of what explains the exports: the REDCap data dictionary, "
        "or a Qualtrics export with three header rows that gives legacy files their ids.",
    )
    delimiter: str | None = Field(None, description="One character. Left out: recognized.")
    encoding: str | None = Field(None, description="Left out: UTF-8, UTF-16 or Windows-1252.")
    decimal: Literal[".", ","] = Field(".", description="Decimal sign.")

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = "\t" if value == "tab" else value
        if value is not None and (len(value) != 1 or value in '"\r\n'):
            raise ValueError("must be one character, or `tab`")
        return value


def _block_field(block: Block) -> tuple[object, object]:
    """Return type and default of the key that holds what only some format has."""
    if block.is_optional:
        return block.model | None, Field(None, description=block.description)
    return block.model, Field(default_factory=block.model)


if TYPE_CHECKING:
    ExportsWithBlocks = Exports
else:
    ExportsWithBlocks = create_model(
        "ExportsWithBlocks", __base__=Exports, **{one.key: _block_field(one) for one in blocks()}
    )


class Clinic(ExportsWithBlocks):
    """One clinic: its exports, their format, and what goes where."""

    delivery: DeliveryKind = Field(
        "increment",
        description="snapshot: each file holds everything, a row it lacks was deleted. increment: "
        "a row it lacks is unchanged.",
    )
    timezone: str | None = Field(
        None,
        description="Zone of the clinic's clock, such as Europe/London. Days and months are "
        "counted by it; a time that states another offset is moved to it.",
    )
    largest_deletion: float = Field(
        0.3,
        gt=0,
        le=1,
        description="A snapshot that would delete a larger share of its rows is blocked.",
    )
    accept_form_change: list[str] = Field(
        default_factory=list,
        description="File name patterns of deliveries whose changed form was looked at and is "
        "right. They are loaded, and later files are compared with them.",
    )
    age_range: tuple[int, int] = Field(
        (4, 110),
        description="Youngest and oldest age, in whole years, at which the service begins with a "
        "client. Others are reported (rule E07).",
    )
    go_live: dict[str, date] = Field(
        default_factory=dict,
        description="Instrument: first day it was used here. Earlier forms have a wrong date "
        "(rule S19).",
    )
    expects: Expects | None = Field(
        None, description="When it delivers: somebody is told when that is late, or too little."
    )
    feeds: list[Feed] = Field(
        default_factory=list,
        description="What fills which table. Empty: names are canonical.",
    )

    @field_validator("age_range")
    @classmethod
    def _youngest_first(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= value[0] <= value[1]:
            raise ValueError("give the youngest age first, then the oldest, both from 0")
        return value

    @model_validator(mode="after")
    def _own_group(self) -> Clinic:
        if not self.group:
            object.__setattr__(self, "group", self.clinic)
        return self

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return known_zone(value)

    @property
    def zone(self) -> str | None:
        """Zone of the clinic's clock: its own setting, else that of its survey system."""
        return self.timezone or getattr(self.options, "timezone", None)

    @property
    def own_format(self) -> Format:
        """What wrote the exports."""
        return format_named(self.format)

    @property
    def options(self) -> Options | None:
        """The block of its format, if that has one."""
        block = self.own_format.block
        return cast("Options | None", getattr(self, block.key)) if block else None

    def is_dictionary(self, file_name: str) -> bool:
        """Whether a file of the landing folder explains exports and is none itself."""
        patterns = [*self.own_format.companions(self.options)]
        patterns += [self.dictionary] if self.dictionary else []
        return any(fits(file_name, pattern) for pattern in patterns)

    def is_export(self, file_name: str) -> bool:
        """Whether a file of the landing folder is to be read."""
        return (
            not file_name.startswith((".", "~$"))
            and not self.is_dictionary(file_name)
            and (fits(file_name, self.files) or is_archive(file_name))
        )

    def accepts_change_in(self, file_name: str) -> bool:
        """Whether somebody looked at this file's changed form and found it right."""
        return any(fits(file_name, pattern) for pattern in self.accept_form_change)

    def feeds_for(self, file_name: str, sheet: str | None) -> list[Feed]:
        """Return the feeds that read this file's sheet (or form)."""
        if not self.feeds:
            table = self.own_format.table_of(file_name, sheet)
            return [Feed.model_validate({"table": table})] if table else []
        return self.own_format.chosen(self.feeds, file_name, sheet)


def canonical_clinic(clinic: str) -> Clinic:
    """Return the clinic that has no YAML: canonical files, a group of its own."""
    return Clinic(clinic=clinic)
