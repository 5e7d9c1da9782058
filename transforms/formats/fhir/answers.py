"""One answer of a QuestionnaireResponse as the text of one cell.

An answer may say its value more than once: by code, display, ordinal extension, and through the
Questionnaire or LOINC. All that is said must agree. Where it does not, or nothing tells what a
code is worth, the cell gets a text that is no number, so that the row rules find it; it is never
taken for 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from transforms.formats.fhir.codes import DISPLAYS, LOINC
from transforms.formats.fhir.json_stream import Json
from transforms.formats.fhir.questionnaire import (
    Item,
    Malformed,
    answer_option_of,
    display_key,
    number_of,
    ordinals,
)

# What stands in a cell whose answer cannot be used. None of it converts to a number.
CONTRADICTION = "contradicting answer"
SEVERAL = "several answers"
UNKNOWN_OPTION = "unknown answer option"
_LONGEST_TEXT = 10_000
_MOST_KNOWN = 50_000
_PLAIN = {"system", "version", "code", "display", "userSelected"}
_SHOWN = {
    CONTRADICTION: "with code, display and ordinal that contradict each other",
    SEVERAL: "given more than once",
    UNKNOWN_OPTION: "with a code the Questionnaire does not offer",
}


@dataclass
class Target:
    """Where the answers to one linkId go.

    column : None for an item that is known but not wanted.
    answers : LOINC answer code to number. is_scored : whether a finding matters.
    """

    column: str | None
    item: Item
    answers: dict[str, float] = field(default_factory=dict)
    is_scored: bool = True


Decides = Literal["code", "display", "ordinal"] | None


class Answers:
    """Turns answers into cells and counts what is wrong with them.

    decides : what counts where an answer contradicts itself; None: nothing, it is a finding
    """

    def __init__(self, decides: Decides = None) -> None:
        self.decides = decides
        self.n_decided = 0
        self.findings: Counter[str] = Counter()
        self.n_uncoded = 0
        self._known: dict[tuple[object, ...], str] = {}

    def cell(self, target: Target, given: list[Json]) -> str | None:
        """Return the text of a cell; None for no answer."""
        key = _plain_key(target, given)
        if key in self._known:
            return self._known[key]
        text = self._cell(target, given)
        if key is None or text is None or text in _SHOWN:
            return text
        if len(self._known) < _MOST_KNOWN:
            self._known[key] = text
        return text

    def _cell(self, target: Target, given: list[Json]) -> str | None:
        texts = [text for one in given if (text := self._text(target, one)) is not None]
        if len(texts) > 1:
            return self.finding(SEVERAL) if target.is_scored else ", ".join(texts)
        return texts[0] if texts else None

    def finding(self, what: str) -> str:
        """Count a finding and return the text that stands for it."""
        self.findings[what] += 1
        return what

    def described(self) -> list[str]:
        """Return one phrase per kind of finding."""
        return [
            f"{n:,} answer{'s' if n > 1 else ''} {_SHOWN[what]}"
            for what, n in sorted(self.findings.items())
        ]

    def _text(self, target: Target, answer: Json) -> str | None:
        keys = [key for key, one in answer.items() if key.startswith("value") and one is not None]
        if not keys:
            return None
        if len(keys) > 1:
            return self.finding(CONTRADICTION)
        value = answer[keys[0]]
        said = {*ordinals(answer), *_beside(answer, keys[0])}
        if keys[0] == "valueCoding":
            return self._coded(target, value, said)
        if keys[0] in ("valueInteger", "valueDecimal"):
            number = number_of(value)
            if number is None:
                return _plain(value)
            return self._agreed({"code": {number}, "ordinal": said})
        if keys[0] == "valueQuantity":
            return self._quantity(value, said)
        if isinstance(value, dict | list):  # an attachment, a reference
            return self.finding(UNKNOWN_OPTION) if target.is_scored else None
        return self._written(target, value, said)

    def _coded(self, target: Target, coding: object, said: set[float]) -> str | None:
        if not isinstance(coding, dict):
            raise Malformed("is not FHIR: valueCoding is no object")
        code, display = coding.get("code"), display_key(coding.get("display"))
        shown = target.item.codes.get(display)
        if not isinstance(code, str) or not code:
            code = shown or ""
        said |= set(ordinals(coding))
        by_source = {
            "code": _worth(target, coding, code),
            "display": _shown_worth(target, display, shown),
            "ordinal": said,
        }
        if _contradicts(target.item, coding, code, display, shown):
            return self._decided(by_source)
        if by_source["code"] or said:
            # A display that is another option's was told apart above.
            return self._agreed({**by_source, "display": set()}, by_source)
        return self._unvalued(target, code)

    def _unvalued(self, target: Target, code: str) -> str | None:
        """Return the code itself: `values` in the YAML may say what it is worth."""
        options = target.item.options
        if not target.is_scored and answer_option_of(code) is None:
            self.n_uncoded += bool(code)
            return None
        if options and code not in options and not target.item.is_open:
            return self.finding(UNKNOWN_OPTION)
        if target.item.numbers and code in options:
            # Other options have ordinals, this one has none: its code is no number.
            return self.finding(UNKNOWN_OPTION)
        return code or self.finding(UNKNOWN_OPTION)

    def _written(self, target: Target, value: object, said: set[float]) -> str | None:
        text = _plain(value)
        code = target.item.codes.get(display_key(text))
        if code in target.item.numbers:
            worth = {target.item.numbers[code]}
            return self._agreed({"display": worth, "ordinal": said})
        if not said or answer_option_of(text or "") is not None:
            return text
        return self._agreed({"ordinal": said})

    def _quantity(self, quantity: object, said: set[float]) -> str | None:
        if not isinstance(quantity, dict):
            raise Malformed("is not FHIR: valueQuantity is no object")
        number = number_of(quantity.get("value"))
        if number is None:
            return None
        # "less than 3" is not 3.
        return (
            self.finding(CONTRADICTION)
            if "comparator" in quantity
            else self._agreed({"code": {number}, "ordinal": said})
        )

    def _agreed(
        self, said: dict[str, set[float]], by_source: dict[str, set[float]] | None = None
    ) -> str:
        numbers = set().union(*said.values())
        if len(numbers) > 1:
            return self._decided(by_source or said)
        return as_text(next(iter(numbers)))

    def _decided(self, by_source: dict[str, set[float]]) -> str:
        """Return what the YAML says counts, if that says one number; else a finding."""
        numbers = by_source.get(self.decides or "", set())
        if len(numbers) != 1:
            return self.finding(CONTRADICTION)
        self.n_decided += 1
        return as_text(next(iter(numbers)))


def _plain_key(target: Target, given: list[Json]) -> tuple[object, ...] | None:
    """Return what decides about an answer that is one coding without extensions, else None.

    Nearly all answers are, and few differ: each is worked out once.
    """
    if len(given) != 1 or len(given[0]) != 1:
        return None
    coding = given[0].get("valueCoding")
    if not isinstance(coding, dict) or not coding.keys() <= _PLAIN:
        return None
    system, code, display = coding.get("system"), coding.get("code"), coding.get("display")
    # Spelled out: this runs for every answer of every file.
    if type(system) is str and type(code) is str and type(display) is str:
        return (id(target), system, code, display)
    return None


def _contradicts(item: Item, coding: Json, code: str, display: str, shown: str | None) -> bool:
    """Whether code and display mean different options."""
    if shown is not None and shown != code:
        return True
    if coding.get("system") not in (LOINC, None) or code not in DISPLAYS:
        return False
    return display in DISPLAYS.values() and DISPLAYS[code] != display


def _worth(target: Target, coding: Json, code: str) -> set[float]:
    """Return what the Questionnaire and LOINC say the code is worth."""
    worth = {target.item.numbers[code]} if code in target.item.numbers else set()
    if code in target.answers and coding.get("system") in (LOINC, None):
        worth.add(target.answers[code])
    return worth


def _shown_worth(target: Target, display: str, shown: str | None) -> set[float]:
    """Return what the option is worth that a display is the text of."""
    codes = [shown] if shown else [code for code, text in DISPLAYS.items() if text == display]
    worth = {target.item.numbers[code] for code in codes if code in target.item.numbers}
    return worth | {target.answers[code] for code in codes if code in target.answers}


def _beside(answer: Json, key: str) -> set[float]:
    extra = answer.get(f"_{key}")
    return set(ordinals(extra)) if isinstance(extra, dict) else set()


def _plain(value: object) -> str | None:
    text = value if isinstance(value, str) else str(value).lower()
    return text.strip()[:_LONGEST_TEXT] or None


def as_text(number: float) -> str:
    """Write a number as a clinic would: `2`, not `2.0`.

    Examples
    --------
    >>> as_text(2.0), as_text(7.5)
    ('2', '7.5')
    """
    return str(int(number)) if number.is_integer() else repr(number)
