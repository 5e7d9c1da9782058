"""A questionnaire the registry does not have, as the draft of a second YAML.

The number of items and the answers seen are counts of the file. Whatever only its authors know,
such as which items are reversed, is `CHANGE_ME`: the registry refuses the file until it is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.drafting import words
from transforms.drafting.instruments import CHANGE_ME, FEWEST_ITEMS, WIDEST, ItemGroup

# What columns of any questionnaire are called.
_NO_NAMES = {"q", "qid", "item", "question", "frage", "pregunta", "var", "col", "column", "field"}
_TEMPLATE = """\
instrument_id: {name}
version: standard
rater: client
language: any
is_default: true
name: {change}
family: {change}   # outcome, alliance, process, …
better: {change}   # higher or lower
timing: any
items:
  n: {n}
  min: {low:g}   # the lowest answer in this file: is it the form's?
  max: {high:g}   # the highest
  reverse: {change}   # items scored the other way round, such as [4, 8]; [] for none
  source: {change}
  evidence: from_memory
  confidence: lo
primary_scale: total
scales:
  total:
    label: Total
    kind: total
    method: sum
    items: all
    source: {change}
    evidence: from_memory
    confidence: lo
licence: {change}
citation: {change}"""


def name_of(group: ItemGroup) -> str | None:
    """Return what a questionnaire may be called, from its columns; None if nothing names it."""
    stem = "_".join(word for word in words.words_of(group.stem) if not word.isdigit())
    return stem if len(stem) > 1 and stem[0].isalpha() and stem not in _NO_NAMES else None


def instrument_lines(group: ItemGroup) -> Iterator[str]:
    """Yield the lines of the YAML; none where the columns hardly are a questionnaire."""
    name = name_of(group)
    low, high = group.span or (0, 0)
    is_scale = low < high and max(-low, high) <= WIDEST
    if name is None or not is_scale or len(group.columns) < FEWEST_ITEMS or not group.is_whole:
        return
    yield f"No questionnaire of the registry is {name}. If it is one, save this as"
    yield f"config/instruments/{name}.standard.client.any.yml, without the marks:"
    text = _TEMPLATE.format(name=name, n=len(group.columns), low=low, high=high, change=CHANGE_ME)
    yield from text.split("\n")
