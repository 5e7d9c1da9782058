"""A missing code that is also an answer of the form: refused before a number is lost or made."""

from __future__ import annotations

from transforms.clinics.clinic import Clinic, Feed
from transforms.errors import FileRefused
from transforms.formats.source import plural
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

Range = tuple[float, float]


def refuse_codes_in_range(clinic: Clinic, feeds: list[Feed], registry: Registry) -> None:
    """Refuse a file whose YAML declares a code as missing that its form has as an answer.

    Only feeds that fix the instrument can be judged. Where `values` translates the answers, its
    keys are what the items use; else it is every number of the instrument's range. An instrument
    scored as supplied has no items: there the totals the feed maps are the answers.

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
        if form.items is None:
            _refuse_totals(feed, form, list(codes))
            continue
        translated = feed.values.get("items", {})
        items = (form.items.min, form.items.max)
        inside = [
            code
            for code in codes
            if (code in translated if translated else _is_within(code, items))
        ]
        _refuse(inside, f"an answer to {instrument}, whose items go", items)


def _refuse_totals(feed: Feed, form: Instrument, codes: list[str]) -> None:
    for scale in sorted({*feed.submitted} & {*form.scales}):
        low, high = form.score_range(scale)
        if low is not None and high is not None:
            inside = [code for code in codes if _is_within(code, (low, high))]
            _refuse(inside, f"a score of {form.instrument_id} {scale}, which goes", (low, high))


def _refuse(inside: list[str], what: str, ends: Range) -> None:
    if inside:
        raise FileRefused(
            "F08",
            f"{plural(len(inside), 'missing code')} ({', '.join(inside)}) is also {what} "
            f"from {ends[0]:g} to {ends[1]:g}",
            "Take it out of `missing_codes`, or declare it in the feeds it is meant for",
        )


def _is_within(code: str, ends: Range) -> bool:
    try:
        return ends[0] <= float(code.replace(",", ".")) <= ends[1]
    except ValueError:
        return False
