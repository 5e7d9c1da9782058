"""Tables with Rapport's own column names, as text or as a workbook; they need no YAML."""

from __future__ import annotations

from pathlib import Path

from transforms.contract import TABLES, canonical_table
from transforms.formats.format import Format, Recognition
from transforms.formats.head import Head
from transforms.formats.request import Request
from transforms.formats.source import WORKBOOK_SUFFIXES, Source
from transforms.formats.text.format import read_text
from transforms.formats.workbook.format import read_sheets


class Canonical(Format):
    """Tables whose columns are called as in docs/formats/canonical.md."""

    name = "canonical"
    order = 10
    needs_feeds = False

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for all required columns of the table the file's name begins with."""
        table = canonical_table(head.path.name) or "responses"
        if set(TABLES[table].required) <= {name.lower() for name in head.names}:
            return Recognition("the columns have canonical names")
        return None

    def read(self, request: Request) -> list[Source]:
        """Read text or a workbook, told by its ending."""
        if request.path.suffix.lower() in WORKBOOK_SUFFIXES:
            return read_sheets(request)
        # Not guessed: a file with semicolons mostly has decimal commas too.
        usual = "\t" if request.path.suffix.lower() == ".tsv" else ","
        return read_text(request, request.delimiter or usual)

    def drafted_files(self, path: Path) -> str:
        """Take all files of its kind: their names say which table they are."""
        return f"*{path.suffix}"
