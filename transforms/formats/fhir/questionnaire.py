"""A Questionnaire resource: which items it has and what its answer options are worth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transforms.errors import FileRefused
from transforms.formats.fhir.codes import LOINC
from transforms.formats.fhir.json_stream import Json

DEEPEST = 40
MOST_ITEMS = 5_000
_REMEDY = "Put the right Questionnaire into the landing folder"
_ANSWERED = ("choice", "open-choice", "coding", "integer", "decimal", "quantity", "boolean")
# R4, R5 and what STU3 and earlier called it.
_ORDINALS = (
    "ordinalValue",
    "itemWeight",
    "questionnaire-ordinalValue",
    "valueset-ordinalValue",
    "codesystem-ordinalValue",
    "iso21090-CO-value",
)


@dataclass(frozen=True)
class Item:
    """One question. ``numbers``: what an option's code is worth; ``codes``: by its display.

    label : its own code and its text, as far as it has them; the form shows them to everybody
    is_answer : whether it is answered by a choice or a number, and not by a computation
    """

    link_id: str
    loinc: str | None = None
    options: frozenset[str] = frozenset()
    numbers: dict[str, float] = field(default_factory=Json)
    codes: dict[str, str] = field(default_factory=Json)
    is_open: bool = False
    label: str = ""
    is_answer: bool = True


@dataclass(frozen=True)
class Questionnaire:
    """Items by linkId. ``loinc``: codes of the whole and of its groups. ``title``: its name."""

    items: dict[str, Item]
    loinc: frozenset[str]
    is_stu3: bool
    title: str = ""

    @property
    def answers(self) -> list[str]:
        """LinkIds of what is answered, in the order of the form."""
        return [link_id for link_id, item in self.items.items() if item.is_answer]


class Malformed(Exception):  # noqa: N818 - becomes a refusal that names the place
    """A resource that is not built as FHIR says; says why, without its content."""


def children(node: Json, key: str) -> list[Json]:
    """Return a list of objects; empty if the key is absent."""
    value = node.get(key)
    if value is None:
        return []
    is_list = isinstance(value, list)
    for one in value if is_list else ():
        if not isinstance(one, dict):
            is_list = False
    if not is_list:
        raise Malformed(f"is not FHIR: {key} is no list of objects")
    objects: list[Json] = value
    return objects


def display_key(display: object) -> str:
    """Return a display as it is compared: one blank between words, no capitals."""
    return " ".join(display.split()).lower() if isinstance(display, str) else ""


def number_of(value: object) -> float | None:
    """Return a JSON number; a boolean is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def ordinals(node: Json) -> Iterator[float]:
    """Yield what the extensions of an element say it is worth."""
    for extension in children(node, "extension"):
        url = extension.get("url")
        if isinstance(url, str) and url.rpartition("/")[2] in _ORDINALS:
            for key in ("valueDecimal", "valueInteger"):
                number = number_of(extension.get(key))
                if number is not None:
                    yield number


def parse_questionnaire(resource: Json) -> Questionnaire:
    """Read a Questionnaire of R4, R5 or STU3.

    Raises
    ------
    FileRefused
        F08: it is malformed, a linkId occurs twice, or an option is worth two numbers.
    """
    why = ""
    try:
        return _parse(resource)
    except Malformed as malformed:
        why = str(malformed)
    raise FileRefused("F08", f"A Questionnaire {why}", _REMEDY)


def _parse(resource: Json) -> Questionnaire:
    sets = {
        f"#{one.get('id')}": one
        for one in children(resource, "contained")
        if one.get("resourceType") == "ValueSet"
    }
    items: dict[str, Item] = {}
    loinc = {code for code in _loinc_codes(resource)}
    is_stu3 = False
    for node in _nodes(resource):
        link_id = node.get("linkId")
        if not isinstance(link_id, str) or not link_id:
            raise Malformed("has an item without linkId")
        if link_id in items:
            raise Malformed("has a linkId twice")
        codes = _loinc_codes(node)
        loinc.update(codes)
        items[link_id] = _item(node, link_id, codes[0] if codes else None, sets)
        is_stu3 = is_stu3 or "option" in node or "options" in node
    titles = (resource.get("title"), resource.get("name"))
    title = next((one for one in titles if isinstance(one, str) and one), "")
    return Questionnaire(items, frozenset(loinc), is_stu3, title)


def _nodes(resource: Json) -> Iterator[Json]:
    stack = [(node, 1) for node in reversed(children(resource, "item"))]
    n_nodes = 0
    while stack:
        node, depth = stack.pop()
        n_nodes += 1
        if depth > DEEPEST or n_nodes > MOST_ITEMS:
            raise Malformed("has too many items or levels of them")
        yield node
        stack += [(child, depth + 1) for child in reversed(children(node, "item"))]


def _loinc_codes(node: Json) -> list[str]:
    return [
        coding["code"]
        for coding in children(node, "code")
        if coding.get("system") == LOINC and isinstance(coding.get("code"), str)
    ]


def _item(node: Json, link_id: str, loinc: str | None, sets: dict[str, Json]) -> Item:
    numbers: dict[str, float] = {}
    codes: dict[str, str] = {}
    options = set()
    for code, display, worth in _options(node, sets):
        options.add(code)
        if display and codes.setdefault(display, code) != code:
            codes[display] = ""  # two options look alike: their display proves nothing
        for number in worth:
            if numbers.setdefault(code, number) != number:
                raise Malformed("gives one answer option two values")
    is_open = node.get("type") == "open-choice"
    codes = {display: code for display, code in codes.items() if code}
    is_answer = node.get("type") in _ANSWERED and node.get("readOnly") is not True
    return Item(
        link_id, loinc, frozenset(options), numbers, codes, is_open, _label(node), is_answer
    )


def _label(node: Json) -> str:
    """Return the local code of an item and its text, with the number the form shows before it."""
    own = [one.get("code") for one in children(node, "code") if one.get("system") != LOINC]
    parts = [*own[:1], node.get("prefix"), node.get("text")]
    return " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def _options(node: Json, sets: dict[str, Json]) -> Iterator[tuple[str, str, set[float]]]:
    """Yield code, display and worth of every option, wherever the item keeps them."""
    for option in (*children(node, "answerOption"), *children(node, "option")):
        coding = option.get("valueCoding")
        if isinstance(coding, dict):
            yield from _option(coding, {*ordinals(option), *_scalar_ordinals(option)})
    value_set = node.get("answerValueSet")
    if isinstance(node.get("options"), dict):
        value_set = node["options"].get("reference")
    if isinstance(value_set, str) and value_set in sets:
        for concept in _concepts(sets[value_set]):
            yield from _option(concept, set())


def _option(coding: Json, worth: set[float]) -> Iterator[tuple[str, str, set[float]]]:
    code = coding.get("code")
    if isinstance(code, str) and code:
        yield code, display_key(coding.get("display")), worth | set(ordinals(coding))


def _scalar_ordinals(option: Json) -> Iterator[float]:
    beside = option.get("_valueCoding")
    if isinstance(beside, dict):
        yield from ordinals(beside)


def _concepts(value_set: Json) -> Iterator[Json]:
    for part in ("compose", "expansion"):
        content = value_set.get(part)
        if not isinstance(content, dict):
            continue
        yield from children(content, "contains")
        for include in children(content, "include"):
            yield from children(include, "concept")


def answer_option_of(text: str) -> str | None:
    """Return text as a whole number's code, such as `2`; None for any other text."""
    return text if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
