"""How a number of a query stands in a sentence, and how names of forms are written.

Every number on the common-factors page is a ``<data>`` element that names the row and the
column of the query it comes from, so that a test (or a doubting reader) can look it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

MINUS = "−"
DATA = Markup('<data value="{}" data-row="{}" data-column="{}" data-factor="{}">{}</data>')
# style -> (factor, decimals, what follows)
STYLES = {
    "r": (1, 2, ""),
    "ratio": (1, 2, ""),
    "points": (1, 1, ""),
    "count": (1, 0, ""),
    "share": (100, 0, " %"),
    "fine_share": (100, 1, " %"),
    "percent": (1, 0, " %"),
}
FORMS = {
    "phq9": "PHQ-9",
    "gad7": "GAD-7",
    "core10": "CORE-10",
    "core_om": "CORE-OM",
    "oq45": "OQ-45",
    "who5": "WHO-5",
    "pcl5": "PCL-5",
}
DETECTORS = {
    "rci_drop": "reliable drop",
    "drop_sd1": "drop of 1 SD",
    "drop_sd2": "drop of 2 SD",
    "control_chart": "control chart",
    "srs_trigger": "SRS trigger",
    "self_report": "client's report",
}


def written(value: float | int, style: str) -> str:
    """Return a number as it stands on the page.

    >>> written(0.17842, "share"), written(-0.305, "points"), written(1234, "count")
    ('18 %', '−0.3', '1,234')
    """
    factor, decimals, unit = STYLES[style]
    text = f"{value * factor:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS) + unit


class Row:
    """One row of a query's answer, writing its own numbers."""

    def __init__(self, number: int, values: Mapping[str, Any]) -> None:
        self.number = number
        self.values = values

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def get(self, column: str) -> Any:
        """Return a value; None where the query has no such column."""
        return self.values.get(column)

    def show(self, column: str, style: str) -> Markup:
        """Return the number as a ``<data>`` element; a dash where there is none."""
        value = self.values[column]
        if value is None:
            return Markup("–")
        return DATA.format(value, self.number, column, STYLES[style][0], written(value, style))

    def interval(self, style: str, low: str = "ci_low", high: str = "ci_high") -> Markup:
        """Return ``95 % interval a to b``."""
        return Markup("{} interval {} to {}").format(
            self.show("ci_level", "share"), self.show(low, style), self.show(high, style)
        )

    @property
    def is_shown(self) -> bool:
        """Whether there is a number at all."""
        return self.values.get("estimate") is not None

    @property
    def is_firm(self) -> bool:
        """Whether there are enough clients to act on it."""
        return self.values.get("precision_label") == "reportable"

    @property
    def warning(self) -> str:
        """Words that go before a number that is not to be acted on."""
        return {
            "too imprecise": "Too imprecise to act on: ",
            "exploratory": "Exploratory: ",
        }.get(self.values.get("precision_label") or "", "")


def form(instrument_id: str | None) -> Markup:
    """Return the written name of a form.

    >>> str(form("wai_sr"))
    '<span class="form">WAI-SR</span>'
    """
    return Markup('<span class="form">{}</span>').format(form_name(instrument_id))


def form_name(instrument_id: str | None) -> str:
    """Return the written name of a form as plain text."""
    if instrument_id is None:
        return "–"
    return FORMS.get(instrument_id, instrument_id.upper().replace("_", "-"))


def plainly(text: object) -> str:
    """Return an identifier as words.

    >>> plainly("person_centred")
    'person centred'
    """
    return str(escape(text)).replace("_", " ")


def written_as(value: object, style: str) -> str:
    """Return a word of a table as it stands on the page; a dash for nothing.

    >>> written_as("gad7", "form"), written_as("rci_drop", "detector"), written_as(None, "text")
    ('GAD-7', 'reliable drop', '–')
    """
    if value is None:
        return "–"
    if style == "form":
        return ", ".join(form_name(name) for name in str(value).split(", "))
    if style == "detector":
        return DETECTORS.get(str(value), plainly(value))
    return plainly(value) if style == "words" else str(value)
