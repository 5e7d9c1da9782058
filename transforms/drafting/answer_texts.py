"""Answers written as texts: mapped where all of them belong to a response set everybody knows.

The sets are listed here, in the languages clinics write; no other text of a file is ever shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from transforms import sql
from transforms.drafting.words import folded
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument

# Answers in the order of their codes. The code of the first is the lowest of the questionnaire;
# sets that fall, such as WHO-5's, stand in their own table. Wordings: the public forms of
# PHQ/GAD (phqscreeners.com), PSS, CORE-10, PCL-5, K10, WAI-SR and WHO-5.
RISING = (
    ("Not at all", "Several days", "More than half the days", "Nearly every day"),
    ("Überhaupt nicht", "An einzelnen Tagen", "An mehr als der Hälfte der Tage",
     "Beinahe jeden Tag"),
    ("Jamais", "Plusieurs jours", "Plus de la moitié du temps", "Presque tous les jours"),
    ("Pas du tout", "Plusieurs jours", "Plus de la moitié des jours", "Presque tous les jours"),
    ("Helemaal niet", "Verscheidene dagen", "Meer dan de helft van de dagen", "Bijna elke dag"),
    ("Slet ikke", "Flere dage", "Mere end halvdelen af dagene", "Næsten hver dag"),
    ("Ikke i det hele tatt", "Noen dager", "Mer enn halvparten av dagene", "Nesten hver dag"),
    ("Inte alls", "Flera dagar", "Mer än hälften av dagarna", "Nästan varje dag"),
    ("Para nada", "Varios días", "Más de la mitad de los días", "Casi todos los días"),
    ("Nunca", "Varios días", "Más de la mitad de los días", "Casi todos los días"),
    ("Nenhuma vez", "Vários dias", "Mais da metade dos dias", "Quase todos os dias"),
    ("Nunca", "Em vários dias", "Em mais de metade do número de dias", "Em quase todos os dias"),
    ("Never", "Almost never", "Sometimes", "Fairly often", "Very often"),
    ("Not at all", "Only occasionally", "Sometimes", "Often", "Most or all the time"),
    ("Not at all", "A little bit", "Moderately", "Quite a bit", "Extremely"),
    ("None of the time", "A little of the time", "Some of the time", "Most of the time",
     "All of the time"),
    ("Seldom", "Sometimes", "Fairly often", "Very often", "Always"),
    ("Selten", "Manchmal", "Öfters", "Sehr oft", "Immer"),
)  # fmt: skip
FALLING = (
    ("All of the time", "Most of the time", "More than half of the time",
     "Less than half of the time", "Some of the time", "At no time"),
    ("Die ganze Zeit", "Meistens", "Etwas mehr als die Hälfte der Zeit",
     "Etwas weniger als die Hälfte der Zeit", "Ab und zu", "Zu keinem Zeitpunkt"),
)  # fmt: skip


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
    con: duckdb.DuckDBPyConnection, source: Source, columns: tuple[str, ...]
) -> list[AnswerTexts]:
    """Return the response sets that every filled cell of some columns belongs to.

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
    sets = (*RISING, *(one[::-1] for one in FALLING))
    return [
        AnswerTexts(tuple(tuple(sorted(by_key.get(_key(text), [text]))) for text in known))
        for known in sets
        if len(by_key) > 1 and {*by_key} <= {_key(text) for text in known}
    ]


def _key(text: str) -> str:
    return " ".join(folded(text).split()).rstrip(".")
