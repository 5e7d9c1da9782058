"""Google Forms: one header row of question texts; the first column is the time of sending.

The first column is called `Timestamp` in every language. Rows of a grid question are called
`question [row]`, as Google writes them.
"""

from __future__ import annotations

from transforms.errors import FileRefused
from transforms.formats.format import Recognition
from transforms.formats.head import Head
from transforms.formats.surveys.header import Field, Layout, fields_by_text
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.surveys.system import SurveySystem

TIME = "Timestamp"
_TIMES = ("timestamp", "zeitstempel", "horodateur", "marca temporal", "tidsmerke",
          "tijdstempel", "informazioni cronologiche", "carimbo de data/hora")  # fmt: skip


class GoogleForms(SurveySystem):
    """Columns called by question texts."""

    name = "google_forms"
    order = 80

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for Google's time of sending in the first column."""
        if head.names[0].lower() in _TIMES and len(head.names) > 1:
            return Recognition("the first column is Google's time of sending")
        return None

    def layout_of(
        self, head: list[list[str]], rules: SurveyOptions, identifiers: frozenset[str]
    ) -> Layout:
        """Read the header row."""
        (texts,) = head
        if len(texts) < 2 or not texts[0]:
            raise FileRefused(
                "F04",
                "The first column has no name; Google Forms writes the time of sending there",
                "Download the responses as CSV, unchanged; for other files declare `delimited`",
            )
        fields, personal = fields_by_text(["", *texts[1:]])
        sent = Field(0, TIME, (texts[0],), is_time=True)
        fields = tuple(field for field in fields if field.name != TIME)
        return Layout((sent, *fields), 1, len(texts), personal)
