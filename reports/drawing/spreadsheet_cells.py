"""Cells that a spreadsheet shows and never runs."""

from __future__ import annotations

from reports.drawing.templating import plain

# What Excel, LibreOffice and Google Sheets may take for the start of a formula, the wide forms
# of East Asian keyboards included.
STARTS_A_FORMULA = "=+-@＝＋－＠"
IS_TRIMMED = "\t\r\n"


def safe_cell(value: object) -> str:
    r"""Return the text of a cell, with an apostrophe before what could run as a formula.

    Control and direction characters are spelled out, line breaks and tabs become spaces.

    >>> safe_cell("=1+1"), safe_cell("\t=1+1"), safe_cell(None), safe_cell("sessions.csv")
    ("'=1+1", "' =1+1", '', 'sessions.csv')
    """
    text = "" if value is None else str(value)
    is_risky = text[:1] in tuple(IS_TRIMMED) or text.lstrip()[:1] in tuple(STARTS_A_FORMULA)
    return f"'{plain(text)}" if is_risky else plain(text)
