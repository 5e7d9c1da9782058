"""The feeds of a file with a row per answer: one per questionnaire, told by the items' codes.

Codes of items name columns as it were, so a draft may show them: only where all are a stem with a
number, and each stands in several rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import duckdb

from transforms import sql
from transforms.drafting import words
from transforms.drafting.column_profiles import Profile
from transforms.drafting.column_roles import Guess
from transforms.drafting.instruments import CHANGE_ME, ItemGroup, instrument_of, named_like
from transforms.drafting.yaml_text import FeedDraft, Keys
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry

MOST_CODES = 300
_CODE = re.compile(r"(?P<stem>[^\W\d](?:[\w .\-]{0,20}[\W_a-z])?)(?P<number>0*[1-9]\d{0,2})", re.I)


@dataclass(frozen=True)
class LongRows:
    """The columns of such a file: which item, which answer, and of which form, if one says so."""

    item: Profile
    answer: Profile
    form: Profile | None


@dataclass(frozen=True)
class _Code:
    """One code of an item, and the limits of its answers."""

    text: str
    stem: str
    number: int
    low: float | None
    high: float | None


def long_rows(columns: list[Profile], people: Keys) -> LongRows | None:
    """Return the columns with the item and with the answer; None if not one is called like each."""
    used = {one for name, one in people["columns"].items() if name != "instrument"}
    free = [one for one in columns if one.name not in used and not one.is_date]
    items, answers = (
        [one for one in free if words.is_about(one.name, known)]
        for known in (words.ITEM, words.ANSWER)
    )
    if len(items) != 1 or len(answers) != 1 or items == answers:
        return None
    forms = [one for one in free if words.is_about(one.name, words.INSTRUMENT)]
    forms = [one for one in forms if one not in (items[0], answers[0])]
    return LongRows(items[0], answers[0], forms[0] if len(forms) == 1 else None)


def long_feeds(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    rows: LongRows,
    people: Keys,
    registry: Registry,
    order: str | None,
) -> tuple[list[FeedDraft], list[Guess]]:
    """Return a feed per stem of the items' codes, or per form where the items are numbers.

    Parameters
    ----------
    order : a column that tells the responses of a client apart besides date and session
    """
    shape = Guess("a row per answer", f"{rows.item.name}, {rows.answer.name}", "medium",
                  "by their names")  # fmt: skip
    groups = _groups(con, source, rows, registry)
    feeds, guesses = [], [shape]
    for when, stem, codes in groups:
        group = _item_group(stem, codes)
        called = (when,) if when else ()
        instrument, guess = instrument_of(group, registry, called=called) if codes else _unknown()
        guesses.append(guess)
        others = [one.text for _, other, some in groups for one in some if other != stem]
        feeds.append(_feed(rows, people, order, (when, stem, others), (instrument, guess)))
    return feeds, guesses


def _unknown() -> tuple[None, Guess]:
    return None, Guess("items", CHANGE_ME, "none", "the items' codes are no stem with a number")


def _feed(
    rows: LongRows,
    people: Keys,
    order: str | None,
    about: tuple[str | None, str | None, list[str]],
    guessed: tuple[Instrument | None, Guess],
) -> FeedDraft:
    (when, stem, others), (instrument, guess) = about, guessed
    is_sure = guess.confidence in ("high", "medium")
    likely = instrument if is_sure else None
    mapped = {name: one for name, one in people["columns"].items() if name != "instrument"}
    key = [mapped[name] for name in ("client_id", "completed_at", "session_id") if name in mapped]
    shape: Keys = {"key": list(dict.fromkeys([*key, *([order] if order else [])]))}
    shape |= {"item": rows.item.name, "value": rows.answer.name}
    if stem is None:
        shape["items"] = f"{CHANGE_ME}{{n}}"
    elif stem:
        shape["items"] = f"{stem}{{n}}"
    if others:
        shape["ignore"] = others
    constants: Keys = {"instrument": likely.instrument_id if likely else CHANGE_ME}
    constants |= {"version": likely.version} if likely else {}
    if "rater" not in mapped:
        constants["rater"] = likely.rater if likely else "client"
    keys: Keys = {"table": "responses", "set": constants | people.get("set", {})}
    keys |= {"when": {rows.form.name: [when]}} if rows.form and when else {}
    keys |= {"columns": mapped, "long": shape}
    keys |= {name: one for name, one in people.items() if name not in ("columns", "set")}
    codes = [*rows.answer.missing]
    keys |= {"missing_codes": codes} if codes else {}
    notes = ["which columns together are one response: `key`"]
    if guess.confidence != "high":
        said = f"perhaps {guess.value}, by chance: " if guess.confidence == "low" else ""
        notes.append(f"instrument: {said}{guess.reason}")
    if not rows.answer.is_number:
        notes.append("answers are texts: map each to its code under `values: {items: …}`")
    return FeedDraft(keys, tuple(notes), is_active=is_sure)


def _groups(
    con: duckdb.DuckDBPyConnection, source: Source, rows: LongRows, registry: Registry
) -> list[tuple[str | None, str | None, list[_Code]]]:
    """Return (value of the form's column, stem, codes); the stem is empty for bare numbers."""
    form = _forms(con, source, rows, registry)
    if rows.item.is_number:
        whole: list[str | None] = [*form] or [None]
        return [(one, "", _codes(con, source, rows, one) or []) for one in whole]
    codes = _codes(con, source, rows, None)
    if codes is None:
        return [(None, None, [])]
    by_stem: dict[str, list[_Code]] = defaultdict(list)
    for one in codes:
        by_stem[one.stem].append(one)
    return [(None, stem, some) for stem, some in by_stem.items()]


def _forms(
    con: duckdb.DuckDBPyConnection, source: Source, rows: LongRows, registry: Registry
) -> list[str]:
    """Return what the form's column says, where all of it names a questionnaire."""
    if rows.form is None or not 0 < rows.form.n_distinct <= MOST_CODES:
        return []
    cell = f"trim({sql.name(rows.form.name)})"
    query = f"select distinct {cell} as form from {source.relation} where {cell} <> '' order by 1"
    found = [text for (text,) in sql.execute_quietly(con, query, step="naming forms").fetchall()]
    known = [*registry.instruments]
    others = registry.known.other_questionnaires
    is_form = [named_like(one, known) or words.other_questionnaire((one,), others) for one in found]
    return found if all(is_form) else []


def _codes(
    con: duckdb.DuckDBPyConnection, source: Source, rows: LongRows, form: str | None
) -> list[_Code] | None:
    """Return the items' codes in order; None unless all end in a number."""
    if rows.item.n_distinct > MOST_CODES:
        return None
    item, answer = sql.name(rows.item.name), sql.name(rows.answer.name)
    number = f"try_cast(replace({answer}, ',', '.') as double)"
    missing = sql.texts(rows.answer.missing or ("",))
    answered = f"{number} is not null and trim({answer}) not in ({missing})"
    where = f"coalesce(trim({item}), '') <> ''"
    if form is not None and rows.form:
        where += f" and trim({sql.name(rows.form.name)}) = {sql.text(form)}"
    query = f"""
        select trim({item}) as code, count(*),
            min({number}) filter (where {answered}), max({number}) filter (where {answered})
        from {source.relation} where {where} group by all
    """
    found = sql.execute_quietly(con, query, step="reading the codes of items").fetchall()
    codes = []
    for text, n, low, high in found:
        match = _CODE.fullmatch(text)
        if rows.item.is_number and re.fullmatch(r"0*[1-9]\d{0,2}", text):
            codes.append(_Code(text, "", int(text), low, high))
        elif match and (n > 1 or source.n_rows == len(found)):
            codes.append(_Code(text, match["stem"], int(match["number"]), low, high))
        else:
            return None
    return sorted(codes, key=lambda one: (one.stem, one.number))


def _item_group(stem: str | None, codes: list[_Code]) -> ItemGroup:
    lows = [one.low for one in codes if one.low is not None]
    highs = [one.high for one in codes if one.high is not None]
    return ItemGroup(
        f"{stem or ''}{{n}}",
        tuple(one.text for one in codes),
        tuple(one.number for one in codes),
        min(lows, default=None),
        max(highs, default=None),
    )
