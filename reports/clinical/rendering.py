"""Templates of pages that name people, in the look of the common-factors page."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from reports.drawing.templating import TEMPLATES, environment, source_hash
from reports.drawing.wording import DETECTORS, FORMS


def rendered(template: str, **context: Any) -> str:
    """Return the text of a page with the style sheets that plots need, by their hash."""
    sheets = ("style.css", "common_factors.css")
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in sheets)
    return (
        environment()
        .get_template(template)
        .render(style=Markup(style), style_hash=source_hash(style), **context)
    )


def form_word(instrument_id: str | None) -> str:
    """Return how an instrument is written.

    >>> form_word("phq9"), form_word("wai_sr"), form_word(None)
    ('PHQ-9', 'WAI-SR', '–')
    """
    if instrument_id is None:
        return "–"
    return FORMS.get(instrument_id, instrument_id.upper().replace("_", "-"))


def rule_words(rule: str) -> str:
    """Return the rule of an alert with detectors in words.

    >>> rule_words("rci_drop; drop_sd2"), rule_words("item 9 answered above 0")
    ('reliable drop, drop of 2 SD', 'item 9 answered above 0')
    """
    return ", ".join(DETECTORS.get(part.strip(), part.strip()) for part in rule.split(";"))
