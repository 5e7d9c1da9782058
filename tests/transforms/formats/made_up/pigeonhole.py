"""A web survey that does not exist: all that Rapport is told of it stands in this file.

Its exports have a row per form. `Hole` and `Posted` come first, then the questions; a form whose
time reads `draft` was never sent off.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from transforms.errors import FileRefused
from transforms.formats.format import Block, DeclaredClinic, Problem, Recognition
from transforms.formats.head import Head
from transforms.formats.options import Choice
from transforms.formats.surveys import header
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.surveys.system import SurveySystem


class PigeonholeOptions(SurveyOptions):
    """Which forms of a Pigeonhole export count."""

    drafts: Choice = Field("drop", description="Forms that were never sent off.")


class Pigeonhole(SurveySystem):
    """Columns called by question texts, behind two of its own."""

    name = "pigeonhole"
    block = Block("pigeonhole", PigeonholeOptions)
    everything = PigeonholeOptions(drafts="keep")

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for its two columns."""
        return Recognition("Hole and Posted come first") if _is_own(head.names) else None

    def layout_of(
        self, head: list[list[str]], rules: PigeonholeOptions, identifiers: frozenset[str]
    ) -> header.Layout:
        """Read the header row."""
        (texts,) = head
        if not _is_own(texts):
            raise FileRefused("F04", "Hole and Posted do not come first", "Export it again")
        fields, personal = header.fields_by_text(texts, times=frozenset({"Posted"}))
        is_dropped = rules.drafts == "drop"
        return header.Layout(
            fields,
            1,
            len(texts),
            personal,
            lambda cells: "draft" if is_dropped and cells[1] == "draft" else None,
            frozenset({"draft"}),
        )

    def problems(self, clinic: DeclaredClinic) -> Iterator[Problem]:
        """Yield feeds that name a sheet, of which its exports have none."""
        yield from super().problems(clinic)
        for number, feed in enumerate(clinic.feeds):
            if feed.sheet:
                yield ("feeds", number, "sheet"), "Pigeonhole has no sheets", "Leave it out"


def _is_own(names: list[str]) -> bool:
    return names[:2] == ["Hole", "Posted"]
