"""How columns of web survey exports are called, and which of them say who answered.

A question is called by its text, with single blanks for all white space. Texts that occur twice
are called `text#1`, `text#2` in the file's order, and by the text alone nowhere: a mapping made
before the question was doubled must not go on silently with one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transforms.formats.header import distinct_names
from transforms.formats.personal import asks_who
from transforms.formats.surveys.options import SurveyOptions


@dataclass(frozen=True)
class Field:
    """One column of the file. ``aliases``: other names; ``is_time``: the system's own times."""

    position: int
    name: str
    aliases: tuple[str, ...] = ()
    is_time: bool = False


@dataclass(frozen=True)
class Layout:
    """What the header rows say.

    personal : names of the columns that are not read.
    left_out : why a response does not count, from its cells; None if it does.
    no_time : what the system writes where it keeps no time.
    """

    fields: tuple[Field, ...]
    n_header_rows: int
    n_cells: int
    personal: tuple[str, ...] = ()
    left_out: Callable[[list[str]], str | None] = lambda cells: None
    no_time: frozenset[str] = frozenset()


LayoutOf = Callable[[list[list[str]], SurveyOptions, frozenset[str]], Layout]


def fields_by_text(
    texts: list[str], *, times: frozenset[str] = frozenset()
) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return the columns called by their texts, and the names of those that are personal.

    Parameters
    ----------
    texts : one per column, tidied; blank where the header is.
    times : names of the system's own times.
    """
    personal = {at for at, text in enumerate(texts) if asks_who(text)}
    kept = [at for at, text in enumerate(texts) if text and at not in personal]
    names = distinct_names([texts[at] for at in kept])
    fields = tuple(
        Field(at, name, is_time=name in times) for at, name in zip(kept, names, strict=True)
    )
    return fields, tuple(texts[at] for at in sorted(personal))
