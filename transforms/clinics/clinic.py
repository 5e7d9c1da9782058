"""What a clinic's YAML may say: where its columns are and how its values are written.

A clinic without YAML sends canonical files and gets `canonical_clinic`. Every scalar is read
as the text it is written in, so the codes 01, -9 and no stay 01, -9 and no.
"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Annotated, Literal
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from transforms.contract import canonical_table
from transforms.formats.archive import is_archive
from transforms.formats.options import (
    FhirOptions,
    QualtricsOptions,
    RedcapOptions,
    SurveyOptions,
)
from transforms.formats.shapes.options import Beside, Long, Wide

DeliveryKind = Literal["increment", "snapshot"]
Format = Literal[
    "canonical",
    "delimited",
    "redcap",
    "workbook",
    "qualtrics",
    "fhir",
    "limesurvey",
    "google_forms",
    "microsoft_forms",
    "surveymonkey",
]
TableName = Literal["responses", "sessions", "episodes", "clients", "therapists"]
ITEM = re.compile(r"item_([1-9]\d*)")
SUBMITTED = re.compile(r"submitted_([a-z][a-z0-9_]*)")
# Written without quotes, codes such as -9 are numbers to an editor; they are read as text.
Code = Annotated[str, WithJsonSchema({"type": ["string", "number"]})]
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
    def _one_or_many(cls, value):
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
    wide: Wide | None = Field(None, description="One row per client holds several sessions.")
    long: Long | None = Field(None, description="One row per answer.")
    delivery: DeliveryKind | None = Field(
        None, description="Whether rows missing from a file were deleted. Left out: the clinic's."
    )

    @property
    def is_canonical(self) -> bool:
        """Whether source columns carry canonical names."""
        return self.columns is None

    @property
    def is_reshaped(self) -> bool:
        """Whether the feed reads rows made from wide rows or item rows."""
        return self.wide is not None or self.long is not None


class Clinic(Dialect):
    """One clinic: its exports, their format, and what goes where."""

    clinic: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name of its landing folder.")
    extends: str | None = Field(
        None,
        description="What clinics have in common: a name in config/clinics/groups, or a file's "
        "path from here. Maps merge, lists and values replace.",
    )
    group: str = Field(
        "default",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="Clinics of one group share clients and therapists.",
    )
    name: str | None = Field(None, description="Name shown in reports.")
    format: Format = Field("canonical", description="What wrote the exports.")
    files: str = Field("*", description="Exports among the files of the landing folder.")
    dictionary: str | None = Field(
        None,
        description="File name pattern of what explains the exports: the REDCap data dictionary, "
        "or a Qualtrics export with three header rows that gives legacy files their ids.",
    )
    delimiter: str | None = Field(None, description="One character. Left out: recognized.")
    encoding: str | None = Field(None, description="Left out: UTF-8, UTF-16 or Windows-1252.")
    decimal: Literal[".", ","] = Field(".", description="Decimal sign.")
    beside: Beside | None = Field(
        None, description="Delimited exports in two files that only the order of rows joins."
    )
    redcap: RedcapOptions = Field(default_factory=RedcapOptions)
    qualtrics: QualtricsOptions = Field(default_factory=QualtricsOptions)
    fhir: FhirOptions = Field(default_factory=FhirOptions)
    survey: SurveyOptions = Field(default_factory=SurveyOptions)
    delivery: DeliveryKind = Field(
        "increment",
        description="snapshot: each file holds everything, a row it lacks was deleted. increment: "
        "a row it lacks is unchanged.",
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
    feeds: list[Feed] = Field(
        default_factory=list,
        description="What fills which table. Empty: names are canonical.",
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = "\t" if value == "tab" else value
        if value is not None and (len(value) != 1 or value in '"\r\n'):
            raise ValueError("must be one character, or `tab`")
        return value

    @field_validator("age_range")
    @classmethod
    def _youngest_first(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= value[0] <= value[1]:
            raise ValueError("give the youngest age first, then the oldest, both from 0")
        return value

    @property
    def shown_name(self) -> str:
        """Name for reports."""
        return self.name or self.clinic

    def is_dictionary(self, file_name: str) -> bool:
        """Whether a file of the landing folder explains exports and is none itself."""
        patterns = [*self.fhir.companions, *([self.dictionary] if self.dictionary else [])]
        patterns += [self.beside.file] if self.beside else []
        return any(_fits(file_name, pattern) for pattern in patterns)

    def is_export(self, file_name: str) -> bool:
        """Whether a file of the landing folder is to be read."""
        return (
            not file_name.startswith((".", "~$"))
            and not self.is_dictionary(file_name)
            and (_fits(file_name, self.files) or is_archive(file_name))
        )

    def accepts_change_in(self, file_name: str) -> bool:
        """Whether somebody looked at this file's changed form and found it right."""
        return any(_fits(file_name, pattern) for pattern in self.accept_form_change)

    def feeds_for(self, file_name: str, sheet: str | None) -> list[Feed]:
        """Return the feeds that read this file's sheet (or form)."""
        if self.format == "fhir":
            return self._fhir_feeds(sheet)
        if not self.feeds:
            table = canonical_table(sheet or PurePath(file_name).name)
            return [Feed(table=table)] if table else []
        return [feed for feed in self.feeds if _reads(feed, file_name, sheet)]

    def _fhir_feeds(self, form: str | None) -> list[Feed]:
        """Return the feeds of a questionnaire: those that name it, else those for any."""
        feeds = self.feeds or [Feed(table="responses")]
        named = [feed for feed in feeds if form and _unversioned(feed.form) == form.lower()]
        return named or [feed for feed in feeds if form is None or feed.form is None]


def _unversioned(url: str | None) -> str:
    """Return a canonical URL without its version, in lowercase."""
    return (url or "").partition("|")[0].lower()


def _reads(feed: Feed, file_name: str, sheet: str | None) -> bool:
    wanted = feed.form or feed.sheet
    if feed.files and not _fits(file_name, feed.files):
        return False
    return wanted is None or sheet is None or wanted.lower() == sheet.lower()


def _fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern, whichever Unicode form either is written in."""
    return fnmatchcase(normalize("NFC", name), normalize("NFC", pattern))


def canonical_clinic(clinic: str) -> Clinic:
    """Return the clinic that has no YAML: canonical files, default group."""
    return Clinic(clinic=clinic)
