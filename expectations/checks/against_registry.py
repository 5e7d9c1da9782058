"""A row of responses against its instrument in the registry: known, legal, and answered on scale.

Only items that `expectations.rows.answers` suspects are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from expectations.checks.check import Check
from expectations.checks.finding import Fault, Part, is_bad
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged
from transforms.contract import TABLES
from transforms.sql import text, texts

OUTSIDE = "(@ < instrument.item_min or @ > instrument.item_max)"
# Answers are stored as DOUBLE: 7.3 is a tenth up to this much.
ON_STEP = 1e-6


class KnownInstrument(Check):
    """Instrument and version are in the registry."""

    kind: Literal["known_instrument"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        reason = "instrument and version are not in the registry"
        return Part((Fault("instrument.the_id is null", "instrument", reason),))


class LegalRater(Check):
    """The registry has a form of the instrument for this rater."""

    kind: Literal["legal_rater"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        raters = texts(TABLES[staged.table].column("rater").values)
        legal = f"not instrument.is_rater_legal and rater in ({raters})"
        reason = "the registry has no form of the instrument for this rater"
        return Part((Fault(legal, "rater", reason),))


class ConvertibleAnswers(Check):
    """Answers and submitted scores are numbers, or codes declared as missing."""

    kind: Literal["convertible_answers"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        faults = tuple(
            Fault(is_bad(column), column, "is neither a number nor a declared missing code")
            for column in (*staged.items, *staged.submitted)
        )
        return Part(faults, guard="bad_cells is not null")


class ItemRange(Check):
    """Answers lie in the range of their instrument."""

    kind: Literal["item_range"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """A missing code is reported as one (missing_codes), with another remedy."""
        reason = "outside the range of its instrument"
        return _search(
            suspects.outside, f"{OUTSIDE} and not list_contains(:missing_codes, @)", reason
        )


class MissingCodes(Check):
    """An answer outside its range that other systems write for "not answered"."""

    kind: Literal["missing_codes"]
    codes: tuple[float, ...]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """All codes of the catalogue count, as they do for item_range."""
        reason = "a code for a missing answer, not declared as such"
        return _search(suspects.outside, f"{OUTSIDE} and list_contains(:missing_codes, @)", reason)


class ItemStep(Check):
    """Answers lie on a step of their instrument's scale."""

    kind: Literal["item_step"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """Steps count from the lowest answer."""
        steps = "((@ - instrument.item_min) / instrument.item_step)"
        off_step = f"abs({steps} - round({steps})) > {ON_STEP}"
        return _search(suspects.between, off_step, "between two steps of its instrument's scale")


class ItemColumns(Check):
    """The file has as many item columns as the instrument has items."""

    kind: Literal["item_columns"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """An answer too many is told per item, a column too few per file."""
        surplus = _search(suspects.surplus, "@ is not null", "the instrument has fewer items")
        return Part((*surplus.faults, *_short(suspects, is_whole_file=True)))


class LostItems(Check):
    """A feed that brings an instrument has a column for each of its items."""

    kind: Literal["lost_items"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        return Part(_short(suspects, is_whole_file=False))


class StraightLine(Check):
    """Not every item has the same answer, where some are worded the other way round."""

    kind: Literal["straight_line"]

    def part(self, staged: Staged, suspects: Suspects) -> Part:
        """Forms with every item answered only."""
        if not staged.items:
            return Part(())
        answers = ", ".join(staged.items)
        fault = Fault(
            f"greatest({answers}) = least({answers})"
            f" and list_count([{answers}]) >= instrument.n_items",
            None,
            "the same answer to every item, though some are worded the other way round",
        )
        return Part((fault,), guard="instrument.n_reversed between 1 and instrument.n_items - 1")


def _short(suspects: Suspects, *, is_whole_file: bool) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            f"file_id = {text(short.file_id)} and instrument.number = {short.number}",
            None,
            short.reason,
        )
        for short in suspects.short
        if short.is_whole_file == is_whole_file
    )


def _search(items: Mapping[str, tuple[int, ...]], where: str, reason: str) -> Part:
    """Return a part that looks at suspect items only; ``@`` stands for the item's column."""
    faults = tuple(
        Fault(
            f"instrument.number in ({_list(numbers)}) and {where.replace('@', item)}", item, reason
        )
        for item, numbers in items.items()
    )
    concerned = sorted({number for numbers in items.values() for number in numbers})
    return Part(faults, guard=f"instrument.number in ({_list(concerned)})" if faults else "true")


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)
