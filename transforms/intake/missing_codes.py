"""A missing code that is also an answer of the form: refused before a number is lost or made."""

from __future__ import annotations

from transforms.clinics.clinic import Clinic, Feed
from transforms.errors import FileRefused
from transforms.formats.source import plural
from transforms.instruments.registry import Registry


def refuse_codes_in_range(clinic: Clinic, feeds: list[Feed], registry: Registry) -> None:
    """Refuse a file whose YAML declares a code as missing that its items use as an answer.

    Only feeds that fix the instrument can be judged. Where `values` translates the answers, its
    keys are what the items use; else it is every number of the instrument's range.

    Raises
    ------
    FileRefused
        F08, with the code, which is configuration and nobody's answer.
    """
    for feed in feeds:
        instrument = feed.constants.get("instrument", "").lower()
        form = registry.find(instrument, feed.constants.get("version"), feed.constants.get("rater"))
        if form is None:
            continue
        codes = dict.fromkeys(clinic.missing_codes + feed.missing_codes)
        translated = feed.values.get("items", {})
        low, high = form.items.min, form.items.max
        inside = [
            code
            for code in codes
            if (code in translated if translated else _is_within(code, low, high))
        ]
        if inside:
            raise FileRefused(
                "F08",
                f"{plural(len(inside), 'missing code')} ({', '.join(inside)}) is also an answer "
                f"to {instrument}, whose items go from {low:g} to {high:g}",
                "Take it out of `missing_codes`, or declare it in the feeds it is meant for",
            )


def _is_within(code: str, low: float, high: float) -> bool:
    try:
        return low <= float(code.replace(",", ".")) <= high
    except ValueError:
        return False
