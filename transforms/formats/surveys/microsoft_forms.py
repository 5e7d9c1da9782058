"""Microsoft Forms (Excel or CSV): ID, start, completion, e-mail and name, then the questions.

The first five columns are told by their place: they have other names in every language, and the
fourth and fifth say who answered. They are called `ID`, `Start time` and `Completion time`.
Points and feedback of quizzes are columns like any other.
"""

from __future__ import annotations

from transforms.errors import FileRefused
from transforms.formats.format import Recognition
from transforms.formats.head import Head
from transforms.formats.surveys.header import Field, Layout, fields_by_text
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.surveys.system import SurveySystem

OWN = ("ID", "Start time", "Completion time")
_WHO = ("Email", "Name")
_N_OWN = len(OWN) + len(_WHO)


class MicrosoftForms(SurveySystem):
    """Five columns told by their place, then question texts."""

    name = "microsoft_forms"
    order = 90
    response_column = "ID"

    def is_own_column(self, name: str) -> bool:
        """Whether Microsoft Forms writes a column itself."""
        return name in OWN

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for the five columns that stand in front."""
        names = head.names
        if len(names) > _N_OWN and names[0].lower() == "id" and "mail" in names[3].lower():
            return Recognition("ID, two times, e-mail and name come first")
        return None

    def layout_of(
        self, head: list[list[str]], rules: SurveyOptions, identifiers: frozenset[str]
    ) -> Layout:
        """Read the header row."""
        (texts,) = head
        if len(texts) <= _N_OWN or texts[0].lower() != "id":
            raise FileRefused(
                "F04",
                "The first column is not called ID, followed by start time, completion time, "
                "e-mail and name",
                "Use Open in Excel in Microsoft Forms and deliver the file unchanged",
            )
        own = tuple(Field(at, name, (texts[at],), at > 0) for at, name in enumerate(OWN))
        fields, personal = fields_by_text([*[""] * _N_OWN, *texts[_N_OWN:]])
        names = {name.lower() for name in OWN}
        fields = tuple(field for field in fields if field.name.lower() not in names)
        return Layout((*own, *fields), 1, len(texts), (*_WHO, *personal))
