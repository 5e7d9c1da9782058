"""The block `beside:` of a clinic's YAML: two files that only the order of rows joins."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from transforms.formats.options import Options


class Beside(Options):
    """A second file that belongs to the export by the order of its rows alone."""

    file: str = Field(description="File name pattern; it is read with every export.")
    by: Literal["row_number"] = Field(
        "row_number",
        description="Equally many rows, and equal cells in every column both have, are required. "
        "The row's number is the column _row.",
    )
