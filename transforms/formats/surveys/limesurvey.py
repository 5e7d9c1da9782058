"""LimeSurvey CSV: question codes, texts, or both as headings.

    code            G01Q01[SQ001]  or  G01Q01_SQ001
    code and text   G01Q01[SQ001]. How often … [First row]
    text            How often … [First row]

Columns are called by code (`G01Q01[SQ001]`) where the file has codes, and by text besides. The
system's own columns are called by code in every case. A response nobody finished has no
submitdate. The access code (token) is read only where it is the client's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from transforms.errors import FileRefused
from transforms.formats.format import Recognition
from transforms.formats.head import Head
from transforms.formats.header import distinct_names
from transforms.formats.personal import asks_who
from transforms.formats.surveys.header import Field, Layout
from transforms.formats.surveys.options import SurveyOptions
from transforms.formats.surveys.system import SurveySystem

_OWN = {
    "response id": "id",
    "date submitted": "submitdate",
    "last page": "lastpage",
    "start language": "startlanguage",
    "date started": "startdate",
    "date last action": "datestamp",
    "ip address": "ipaddr",
    "referrer url": "refurl",
    "access code": "token",
    "total time": "interviewtime",
}
_TIMES = ("submitdate", "startdate", "datestamp")
# Two of them are in no other system's header.
_TELLING = frozenset({"submitdate", "lastpage", "startlanguage", "datestamp", "startdate"})
_PERSONAL = frozenset({"token", "ipaddr", "refurl", "firstname", "lastname", "email"})
_CODED = re.compile(r"(?P<code>[A-Za-z][A-Za-z0-9_]*(?:\[[^\]]*\])*)(?:\. (?P<text>.*))?")
_UNDERSCORE = re.compile(r"([A-Za-z][A-Za-z0-9]*)_([A-Za-z0-9]+)")
# What LimeSurvey stores as the date of surveys that keep none.
NO_DATE = frozenset({"1980-01-01 00:00:00"})


class LimeSurvey(SurveySystem):
    """Columns called by code, by text, or by both."""

    name = "limesurvey"
    order = 70
    response_column = "id"
    # The access code is read only where it is the client.
    trial_columns = {"client_id": "token"}  # noqa: RUF012 - overrides a class variable

    def is_own_column(self, name: str) -> bool:
        """Whether LimeSurvey writes a column itself."""
        return name in _OWN.values()

    def recognizes(self, head: Head) -> Recognition | None:
        """Look for two of LimeSurvey's own columns besides the response id."""
        layout = self.layout_in(head, SurveyOptions(unfinished="keep"))
        if layout and len({field.name for field in layout.fields} & _TELLING) > 1:
            return Recognition("the header has LimeSurvey's own columns")
        return None

    def layout_of(
        self, head: list[list[str]], rules: SurveyOptions, identifiers: frozenset[str]
    ) -> Layout:
        """Read the header row.

        Raises
        ------
        FileRefused
            F04 no LimeSurvey header; F02 nothing tells finished responses from unfinished ones.
        """
        (texts,) = head
        cells = [(at, *_code_and_text(text)) for at, text in enumerate(texts) if text]
        if not any(code == "id" for _, code, _ in cells):
            raise FileRefused(
                "F04",
                "There is no column id (Response ID)",
                "Export the responses as CSV with the response id among the columns",
            )
        personal = [
            code or text
            for _, code, text in cells
            if (code in _PERSONAL or asks_who(code) or asks_who(text))
            and not (code == "token" and {"token", text} & identifiers)
        ]
        kept = [cell for cell in cells if (cell[1] or cell[2]) not in personal]
        at = {code: position for position, code, _ in kept if code}
        return Layout(
            _fields(kept),
            1,
            len(texts),
            tuple(personal),
            _unfinished(at, rules) if rules.unfinished == "drop" else lambda cells: None,
            NO_DATE,
        )


def _code_and_text(heading: str) -> tuple[str, str]:
    """Return a heading's code and text; either may be blank."""
    if own := _OWN.get(heading.lower()):
        return own, heading
    match = _CODED.fullmatch(heading)
    if match is None:
        return "", heading
    code = match["code"]
    if code.lower() in (*_OWN.values(), *_PERSONAL):
        code = code.lower()
    return code, match["text"] or ""


def _fields(cells: list[tuple[int, str, str]]) -> tuple[Field, ...]:
    names = distinct_names([code or text for _, code, text in cells])
    texts = distinct_names([text for _, _, text in cells])
    return tuple(
        Field(
            at,
            name,
            tuple(alias for alias in (text, _bracketed(code)) if alias and alias != name),
            is_time=code in _TIMES,
        )
        for (at, code, _), name, text in zip(cells, names, texts, strict=True)
    )


def _bracketed(code: str) -> str:
    """Return G01Q01[SQ001] for G01Q01_SQ001, which other settings of the export write."""
    match = _UNDERSCORE.fullmatch(code)
    return f"{match[1]}[{match[2]}]" if match else ""


def _unfinished(at: dict[str, int], rules: SurveyOptions) -> Callable[[list[str]], str | None]:
    place = at.get("submitdate")
    if place is None:
        raise FileRefused(
            "F02",
            "1 column missing: submitdate. Without it nothing tells who finished",
            "Export the completion date, or write `survey: {unfinished: keep}` into the "
            "clinic's YAML",
        )
    return lambda cells: None if cells[place].strip() else "unfinished response"
