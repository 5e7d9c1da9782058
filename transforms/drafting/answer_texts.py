"""Answers written as texts: mapped where all of them belong to a response set everybody knows.

The sets are configuration (config/known/response_sets.yml); no other text of a file is ever shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from transforms import sql
from transforms.drafting.words import folded
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument


def codes_of(found: list[AnswerTexts], instrument: Instrument) -> dict[str, str] | None:
    """Return text: code for a questionnaire; None unless one set alone has as many answers."""
    fits = [codes for one in found if (codes := one.codes(instrument))]
    return fits[0] if len(fits) == 1 else None


@dataclass(frozen=True)
class AnswerTexts:
    """Texts in the order of their codes, the lowest first, as the file writes them."""

    texts: tuple[tuple[str, ...], ...]

    def codes(self, instrument: Instrument) -> dict[str, str] | None:
        """Return text: code; None if the questionnaire has another number of answers."""
        items = instrument.grid
        if len(self.texts) != (items.max - items.min) / items.step + 1:
            return None
        return {
            text: f"{items.min + items.step * at:g}"
            for at, same in enumerate(self.texts)
            for text in same
        }


def answer_texts(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    columns: tuple[str, ...],
    sets: tuple[tuple[str, ...], ...],
) -> list[AnswerTexts]:
    """Return the response sets that every filled cell of some columns belongs to.

    Parameters
    ----------
    sets : answers from the lowest code to the highest

    Only spellings that are in a set leave this function, and only if no other text is there.
    """
    cells = " union all ".join(
        f"select trim({sql.name(one)}) as cell from {source.relation}" for one in columns
    )
    query = f"select distinct cell from ({cells}) where coalesce(cell, '') <> '' limit 50"
    found = sql.execute_quietly(con, query, step="comparing texts with response sets").fetchall()
    by_key: dict[str, list[str]] = {}
    for (text,) in found:
        by_key.setdefault(_key(text), []).append(text)
    return [
        AnswerTexts(tuple(tuple(sorted(by_key.get(_key(text), [text]))) for text in known))
        for known in sets
        if len(by_key) > 1 and {*by_key} <= {_key(text) for text in known}
    ]


def _key(text: str) -> str:
    return " ".join(folded(text).split()).rstrip(".")
