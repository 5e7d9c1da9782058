"""What one delivery looks like: its columns, rows, period, and the answers to each form in counts.

A profile holds aggregates only: counts per answer, sums and cross-products. Profiles of several
deliveries are added up, so that small nightly files can be judged together. They stay in the
lake; nothing of them but a finding's words reaches a table or a page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from transforms.statistics.arrays import Floats

Document = dict[str, Any]  # what JSON can hold
# A run of digits that tells one delivery from the next: a date, or a number of its own.
# Not the 9 of phq9 nor the 10 of k10: those are other forms.
_SERIAL = re.compile(r"(?<![A-Za-z0-9])\d+(?:[-_.:T ]?\d+)*Z?(?![A-Za-z])|\d{6,}")
MOST_VALUES = 400  # distinct answers kept; a finer scale is rounded to a hundredth of its range


def family(source_file: str) -> str:
    """Return what the names of one source's deliveries have in common.

    Examples
    --------
    >>> family("2026/responses_2026-10-31.csv")
    '#/responses_#.csv'
    >>> family("phq9.csv")
    'phq9.csv'
    """
    return _SERIAL.sub("#", source_file)


@dataclass(frozen=True)
class Form:
    """Answers to one instrument, version and rater. Not answered is counted, never a value.

    counts : per item, answer to number of forms. forms_with : answer to number of forms that
        give it at least once. sums, products : over the ``n_complete`` forms without a gap.
    """

    instrument_id: str
    version: str | None
    rater: str | None
    n_forms: int
    items: tuple[int, ...]
    counts: tuple[dict[float, int], ...]
    forms_with: dict[float, int]
    n_complete: int
    sums: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Return instrument, version and rater, sortable."""
        return (self.instrument_id, self.version or "", self.rater or "")

    def n_answered(self, position: int) -> int:
        """Return how many forms answer the item at ``position``."""
        return sum(self.counts[position].values())

    def missing_share(self, position: int) -> float:
        """Return the share of forms that leave the item empty, 0 to 1."""
        return 1 - self.n_answered(position) / self.n_forms if self.n_forms else 1.0

    @property
    def pooled(self) -> dict[float, int]:
        """Return answers to all items together, in order."""
        total: Counter[float] = Counter()
        for counts in self.counts:
            total.update(counts)
        return dict(sorted(total.items()))

    @property
    def means(self) -> Floats:
        """Return item means over complete forms; NaN without any."""
        return np.array(self.sums) / self.n_complete if self.n_complete else _nans(self)

    @property
    def covariance(self) -> Floats:
        """Return item covariances over complete forms (divisor n); NaN without any."""
        if not self.n_complete:
            return np.full((len(self.items),) * 2, np.nan)
        return np.array(self.products) / self.n_complete - np.outer(self.means, self.means)

    def only(self, items: Sequence[int]) -> Form:
        """Return the form with these items; complete forms stay those complete before."""
        at = [self.items.index(item) for item in items]
        products = np.array(self.products).reshape(len(self.items), len(self.items))
        return Form(
            self.instrument_id,
            self.version,
            self.rater,
            self.n_forms,
            tuple(items),
            tuple(self.counts[n] for n in at),
            self.forms_with,
            self.n_complete,
            tuple(self.sums[n] for n in at),
            tuple(tuple(row) for row in products[np.ix_(at, at)].tolist()),
        )


@dataclass(frozen=True)
class Sheet:
    """One source of a file as one feed reads it.

    part : instrument, version and rater the feed sets; tells the feeds of one wide row apart.
    wired : canonical column to the source columns it is made of.
    is_snapshot : whether rows it lacks were deleted.
    first_at, last_at : ISO text over the table's rows of the file, None without dates.
    member : file inside an archive that holds it.
    n_rows_of_night : of all files of its source, where they were several; most are forgotten soon.
    """

    table: str
    sheet: str | None
    part: str
    columns: tuple[str, ...]
    wired: dict[str, tuple[str, ...]]
    n_rows: int
    first_at: str | None = None
    last_at: str | None = None
    is_snapshot: bool = False
    member: str | None = None
    n_rows_of_night: int | None = None

    @property
    def instrument(self) -> str:
        """Return the instrument the feed sets; empty where a cell says it."""
        return self.part.split("/")[0].strip().lower()

    @property
    def kind(self) -> tuple[object, ...]:
        """Return what the same sheet of another file of its source has in common with it."""
        return self.table, self.sheet, self.part, self.place

    @property
    def place(self) -> tuple[str | None, str | None]:
        """Return what the file's members of one kind have in common, and the sheet."""
        return (family(self.member) if self.member else None, self.sheet)


@dataclass(frozen=True)
class Profile:
    """One delivered file. ``is_new_reference``: an accepted change, nothing before it counts."""

    clinic_id: str
    file_id: str
    source_file: str
    received_at: str
    sheets: tuple[Sheet, ...] = ()
    forms: tuple[Form, ...] = ()
    is_new_reference: bool = False

    @property
    def family(self) -> str:
        """Return what the source's file names have in common."""
        return family(self.source_file)

    def form(self, key: tuple[str, str, str]) -> Form | None:
        """Return the form with this key, or None."""
        return next((form for form in self.forms if form.key == key), None)

    def without(self, instruments: Collection[str | None]) -> Profile:
        """Return the profile without these instruments' forms and the feeds that set them."""
        return replace(
            self,
            sheets=tuple(one for one in self.sheets if one.instrument not in instruments),
            forms=tuple(one for one in self.forms if one.instrument_id not in instruments),
        )

    def as_document(self) -> Document:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Document) -> Profile:
        """Return the profile that `as_document` was made from."""
        sheets = (_sheet_from(sheet) for sheet in document["sheets"])
        forms = (_form_from(form) for form in document["forms"])
        return cls(**document | {"sheets": tuple(sheets), "forms": tuple(forms)})


def form_of(key: tuple[str, str | None, str | None], answers: Floats) -> Form:
    """Return the profile of one form's answers.

    Parameters
    ----------
    answers : array (sampled forms, items), NaN where not answered; column 0 is item 1

    Notes
    -----
    Items nobody answers are left out: which of them belong to the form is the registry's matter.
    Where the file was sampled, counts are of the sample.
    """
    answered = ~np.isnan(answers)
    at = np.flatnonzero(answered.any(axis=0))
    answers, answered = _rounded(answers[:, at]), answered[:, at]
    complete = answers[answered.all(axis=1)] if len(at) else answers[:0]
    return Form(
        *key,
        n_forms=len(answers),
        items=tuple(int(n) + 1 for n in at),
        counts=tuple(_count(column[~np.isnan(column)]) for column in answers.T),
        forms_with=_forms_with(answers),
        n_complete=len(complete),
        sums=tuple(complete.sum(axis=0).tolist()),
        products=tuple(tuple(row) for row in (complete.T @ complete).tolist()),
    )


def added(forms: Iterable[Form]) -> Form:
    """Return deliveries of one form as if they had come in one file.

    An item one of them lacks is unanswered there; complete are then only the others' forms.
    """
    forms = list(forms)
    items = tuple(sorted({item for form in forms for item in form.items}))
    whole = [form for form in forms if form.items == items]
    size = len(items)
    counts: list[Counter[float]] = [Counter() for _ in items]
    forms_with: Counter[float] = Counter()
    for form in forms:
        forms_with.update(form.forms_with)
        for item, own in zip(form.items, form.counts, strict=True):
            counts[items.index(item)].update(own)
    return Form(
        *(forms[0].instrument_id, forms[0].version, forms[0].rater),
        n_forms=sum(form.n_forms for form in forms),
        items=items,
        counts=tuple(dict(sorted(count.items())) for count in counts),
        forms_with=dict(sorted(forms_with.items())),
        n_complete=sum(form.n_complete for form in whole),
        sums=tuple(np.sum([form.sums for form in whole] or np.zeros((1, size)), axis=0).tolist()),
        products=tuple(
            tuple(row)
            for row in np.sum(
                [np.array(form.products).reshape(size, size) for form in whole]
                or np.zeros((1, size, size)),
                axis=0,
            ).tolist()
        ),
    )


def _nans(form: Form) -> Floats:
    return np.full(len(form.items), np.nan)


def _sheet_from(sheet: Document) -> Sheet:
    wired = {name: tuple(columns) for name, columns in sheet["wired"].items()}
    return Sheet(**sheet | {"columns": tuple(sheet["columns"]), "wired": wired})


def _form_from(form: Document) -> Form:
    return Form(
        **form
        | {
            "items": tuple(form["items"]),
            "counts": tuple(_numbers(counts) for counts in form["counts"]),
            "forms_with": _numbers(form["forms_with"]),
            "sums": tuple(form["sums"]),
            "products": tuple(tuple(row) for row in form["products"]),
        }
    )


def _numbers(counts: Mapping[str, int]) -> dict[float, int]:
    return {float(value): count for value, count in counts.items()}


def _rounded(answers: Floats) -> Floats:
    """Round a very fine scale, so that the profile stays small."""
    values = np.unique(answers[~np.isnan(answers)])
    if len(values) <= MOST_VALUES:
        return answers
    step = (values[-1] - values[0]) / 100
    rounded: Floats = np.round(answers / step) * step
    return rounded


def _count(values: Floats) -> dict[float, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _forms_with(answers: Floats) -> dict[float, int]:
    values = np.unique(answers[~np.isnan(answers)]).tolist()
    return {value: int((answers == value).any(axis=1).sum()) for value in values}
