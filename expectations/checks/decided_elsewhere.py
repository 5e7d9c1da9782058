"""Kinds that no row of a delivery decides: readers, manifests, finished tables, the engine."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from expectations.checks.check import Check

_BY_MANIFEST = "Counted when the clinic's manifest is read (pipeline/storage/manifests.py)."


class ReadableFile(Check):
    """The file can be read, and holds the columns it must."""

    kind: Literal["readable_file"]
    is_about_file: ClassVar[bool] = True
    broken: ClassVar[str] = "files that their reader refuses"
    decided: ClassVar[str] = (
        "Decided by the reader of the file's format (transforms/formats) and its mapping."
    )


class FormChange(Check):
    """The file looks like the last accepted ones of its source."""

    kind: Literal["form_change"]
    is_about_file: ClassVar[bool] = True
    broken: ClassVar[str] = "files with at least one such change"
    decided: ClassVar[str] = (
        "Decided by comparing the file's profile with the last accepted ones of its source "
        "(transforms/form_changes/compare.py, limits in config/form_change.yml). Each change "
        "with its column and remedy is a row of quality.dq_form_changes."
    )


class FilePeriod(Check):
    """The period in the file's manifest follows on the one before."""

    kind: Literal["file_period"]
    is_about_file: ClassVar[bool] = True
    broken: ClassVar[str] = "files whose period leaves a gap to the one before, or overlaps it"
    decided: ClassVar[str] = _BY_MANIFEST


class ControlTotal(Check):
    """The file holds as many rows as its manifest says."""

    kind: Literal["control_total"]
    is_about_file: ClassVar[bool] = True
    broken: ClassVar[str] = "files with another number of rows than the manifest says"
    decided: ClassVar[str] = _BY_MANIFEST


class Canary(Check):
    """The engine tells a planted broken row from a sound one."""

    kind: Literal["canary"]
    broken: ClassVar[str] = "planted rows that are judged wrong"
    decided: ClassVar[str] = (
        "One broken and one sound row, planted and judged in every run (expectations/canary.py)."
    )


class Mart(Check):
    """Judged on the finished tables by Great Expectations (expectations/published)."""

    kind: Literal["mart"]


class Measured(Check):
    """Counted on the finished tables, per clinic: published/measures/<rule>.sql, or Python.

    ``settings`` are the numbers that the query takes, by name.
    """

    kind: Literal["measured"]
    settings: dict[str, float] = Field(default_factory=dict)
