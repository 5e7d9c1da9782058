"""SurveyMonkey: two header rows, questions and their rows or options.

A question with several columns names only the first of them; each is called `question [row]`.
A question with one column is called by its text alone.
"""

from __future__ import annotations

from transforms.errors import FileRefused
from transforms.formats.format import Recognition
from transforms.formats.head import Head
from transforms.formats.surveys.header import Layout, fields_by_text
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.surveys.system import SurveySystem

TIMES = frozenset(
    {"Date Created", "Date Modified", "StartDate", "EndDate", "Start Date", "End Date"}
)
# What the second header row says where a question has one column.
_ALONE = frozenset({"", "response", "open-ended response"})
_FIRST = frozenset({"respondent id", "respondentid"})


class SurveyMonkey(SurveySystem):
    """Columns called by the texts of two header rows."""

    name = "surveymonkey"
    order = 100
    n_header_rows = 2

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for the two header rows."""
        if self.layout_in(head, SurveyOptions()):
            return Recognition("two header rows begin with Respondent ID")
        return None

    def layout_of(
        self, head: list[list[str]], rules: SurveyOptions, identifiers: frozenset[str]
    ) -> Layout:
        """Read the two header rows."""
        questions, rows = head
        if not questions or questions[0].lower() not in _FIRST or (rows and rows[0]):
            raise FileRefused(
                "F04",
                "There are no two header rows beginning with Respondent ID",
                "Export all responses as CSV or Excel with the original view, unchanged",
            )
        width = max(len(questions), len(rows))
        questions, rows = ([*row, *[""] * (width - len(row))] for row in (questions, rows))
        texts, question = [], ""
        for text, row in zip(questions, rows, strict=True):
            question = text or question
            texts.append(question if row.lower() in _ALONE else f"{question} [{row}]")
        fields, personal = fields_by_text(texts, times=TIMES)
        return Layout(fields, 2, width, personal)
