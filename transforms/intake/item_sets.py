"""Which items of which instrument a feed of a file brings, and which its columns lack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transforms.clinics.clinic import Clinic
from transforms.instruments.definition import Instrument
from transforms.intake.column_mapping import ColumnMapping

_RUN = 3  # so many consecutive numbers are written as a range


@dataclass(frozen=True)
class ItemSet:
    """The items one feed of one file has columns for.

    feed : where the feed stands in the clinic's YAML, from 1; None without YAML.
    instrument, version, rater : what the feed sets for all rows; None where a cell says it.
    """

    feed: int | None
    instrument: str | None
    version: str | None
    rater: str | None
    items: frozenset[int]

    def is_about(self, instrument: str, version: str, rater: str) -> bool:
        """Whether rows of this form may have come through the feed."""
        asked = ((self.instrument, instrument), (self.version, version), (self.rater, rater))
        return all(own is None or own == other for own, other in asked)

    def lacks(self, n_items: int) -> frozenset[int]:
        """Return the items of a form of ``n_items`` that have no column here."""
        return frozenset(range(1, n_items + 1)) - self.items


def item_sets(clinic: Clinic, mappings: Iterable[ColumnMapping]) -> list[ItemSet]:
    """Return the item sets of the feeds of `responses` that map answers.

    A column that an export of a REDCap project lacks is read as empty, and is missing here.
    """
    return [_item_set(clinic, mapping) for mapping in mappings if mapping.items]


def lacking(instrument: Instrument | None, own: ItemSet) -> frozenset[int]:
    """Return the items an instrument is scored from that a feed has no column for."""
    if instrument is None or instrument.items is None or instrument.scores_supplied:
        return frozenset()
    return own.lacks(instrument.items.n)


def in_words(items: Iterable[int]) -> str:
    """Return item numbers as a person writes them.

    Examples
    --------
    >>> in_words([7]), in_words([3, 4]), in_words([2, 7, 8, 9, 10])
    ('item 7', 'items 3, 4', 'items 2, 7-10')
    """
    runs: list[list[int]] = []
    for number in sorted(items):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [_run_in_words(run) for run in runs]
    single = len(runs) == 1 and len(runs[0]) == 1
    return f"{'item' if single else 'items'} {', '.join(shown)}"


def _run_in_words(run: Sequence[int]) -> str:
    if len(run) >= _RUN:
        return f"{run[0]}-{run[-1]}"
    return ", ".join(map(str, run))


def _item_set(clinic: Clinic, mapping: ColumnMapping) -> ItemSet:
    there = set(mapping.source.columns) - set(mapping.source.absent)
    constants = {name: text.strip().lower() for name, text in mapping.constants.items()}
    return ItemSet(
        clinic.feeds.index(mapping.feed) + 1 if mapping.feed in clinic.feeds else None,
        constants.get("instrument"),
        constants.get("version"),
        constants.get("rater"),
        frozenset(number for number, column in mapping.items.items() if column in there),
    )
