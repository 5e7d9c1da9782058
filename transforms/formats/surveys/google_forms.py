"""Google Forms: one header row of question texts; the first column is the time of sending.

The first column is called `Timestamp` in every language. Rows of a grid question are called
`question [row]`, as Google writes them.
"""

from __future__ import annotations

from transforms.errors import FileRefused
from transforms.formats.options import SurveyOptions
from transforms.formats.surveys.header import Field, Layout, fields_by_text

TIME = "Timestamp"


def layout_of(head: list[list[str]], _rules: SurveyOptions, _identifiers: frozenset[str]) -> Layout:
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
