"""Whether the answers to a form say that its coding or its columns changed.

Clients differ from delivery to delivery and get better: a shifted distribution alone is no
change of form. Found is only what a change of coding does and getting better does not: the
lowest answer is gone and all others moved up, two items stand in each other's place, an item
runs against the others. Every test needs ``min_forms`` forms on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from transforms.form_changes.limits import Limits
from transforms.form_changes.profile import Form
from transforms.statistics.arrays import Floats

RARE = 0.005  # an answer fewer forms than this give may be a typing error
RIDGE = 0.05  # of an item's variance, so that near-copies of an item stay distinguishable


@dataclass(frozen=True)
class Shift:
    """One change of a form. ``items``: those concerned, none where it is the whole form."""

    change: str
    items: tuple[int, ...]
    what: str
    remedy: str


@dataclass(frozen=True)
class Definition:
    """What the registry says of the form. ``other_maxima``: of the family's other versions."""

    item_max: float | None = None
    other_maxima: tuple[float, ...] = ()
    reversed_items: tuple[int, ...] = ()


def shifts(earlier: Form, new: Form, known: Definition, limits: Limits) -> list[Shift]:
    """Compare a form with what it was.

    Returns
    -------
    list of Shift
        Empty where either side has fewer than ``min_forms`` forms. A change of the whole
        coding hides what single items do, so it is returned alone.
    """
    if min(earlier.n_forms, new.n_forms) < limits.min_forms:
        return []
    emptied = list(_emptied(earlier, new, limits))
    whole = _scaled(earlier, new, limits) or _moved(earlier, new, limits)
    whole = whole or _other_version(earlier, new, known, limits)
    if whole:
        return [*emptied, whole]
    constant = list(_constant(earlier, new, limits))
    return [
        *emptied,
        *constant,
        *_spikes(earlier, new, limits),
        *_rearranged(earlier, new, known, limits),
    ]


def _emptied(earlier: Form, new: Form, limits: Limits) -> Iterator[Shift]:
    for position, item in enumerate(earlier.items):
        if item not in new.items and earlier.missing_share(position) < limits.emptied_share:
            yield Shift(
                "emptied_item",
                (item,),
                f"no form answers item {item}, which "
                f"{1 - earlier.missing_share(position):.0%} answered before",
                "See in the clinic's YAML whether its answers are read (columns, decimal, "
                "values); if so, ask the clinic whether the question was taken out",
            )


def _constant(earlier: Form, new: Form, limits: Limits) -> Iterator[Shift]:
    """Find items that all forms answer alike, which before they did not."""
    for item in _items_of_one_value(new):
        if item not in earlier.items:
            continue
        before = earlier.counts[earlier.items.index(item)]
        (value,) = new.counts[new.items.index(item)]
        others = 1 - before.get(value, 0) / sum(before.values())
        if _is_unlikely(others, new.n_forms, limits):
            yield Shift(
                "constant_item",
                (item,),
                f"every form gives the same answer to item {item}, which {others:.0%} answered "
                "otherwise before, as when a default is exported in its place",
                "Ask the clinic whether the question is still asked; export it empty if not",
            )


def _items_of_one_value(form: Form) -> list[int]:
    """Return the items with one answer throughout: they correlate with nothing."""
    return [item for item, counts in zip(form.items, form.counts, strict=True) if len(counts) == 1]


def _support(form: Form) -> list[float]:
    """Return the answers that occur, typing errors left out."""
    fewest = max(1.0, RARE * form.n_forms)
    return [value for value, n_forms in form.forms_with.items() if n_forms >= fewest]


def _is_unlikely(share: float, n_forms: int, limits: Limits) -> bool:
    """Whether no form of ``n_forms`` gives an answer that ``share`` of them gave before."""
    return (1 - limits.drift * share) ** n_forms < limits.unlikely


def _share_with(form: Form, values: Sequence[float]) -> float:
    """Return the share of forms that give the most frequent of these answers."""
    return max((form.forms_with.get(value, 0) for value in values), default=0) / form.n_forms


def _share_of_answers(form: Form, low: float, high: float) -> float:
    pooled = form.pooled
    inside = sum(count for value, count in pooled.items() if low <= value <= high)
    return inside / sum(pooled.values())


def _scaled(earlier: Form, new: Form, limits: Limits) -> Shift | None:
    """Find millimetres in place of centimetres and the other way round."""
    before, now = _support(earlier), _support(new)
    if not before or not now or before[-1] <= 0:
        return None
    top, new_top = before[-1], now[-1]
    up = 5 * top < new_top <= 10 * top and 1 - _share_of_answers(new, -np.inf, top) > 0.25
    below = _share_of_answers(earlier, -np.inf, new_top)
    down = 0 < new_top <= top / 10 and len(before) > 10 and below <= 0.5
    if not up and not down:
        return None
    factor = "ten times" if up else "a tenth of"
    return Shift(
        "recoded_items",
        (),
        f"answers reach {factor} what the highest was, as when a visual scale is measured in "
        "another unit",
        "Export in the earlier unit, or convert with `values` in the clinic's YAML",
    )


def _moved(earlier: Form, new: Form, limits: Limits) -> Shift | None:
    """Find 1-4 in place of 0-3 and the other way round."""
    before, now = _support(earlier), _support(new)
    is_whole = all(float(value).is_integer() for value in (*before, *now))
    if not is_whole or not 1 < len(before) <= 11 or len(now) < 2:
        return None
    low, high = before[0], before[-1]
    lowest_gone = _is_unlikely(_share_with(earlier, [low]), new.n_forms, limits)
    highest_moved = _share_with(new, [high + 1]) > limits.drift * _share_with(earlier, [high])
    up = now[0] == low + 1 and (
        (now[-1] == high and lowest_gone)
        or (now[-1] == high + 1 and (lowest_gone or highest_moved))
    )
    down = (
        now[0] == low - 1
        and now[-1] == high - 1
        and _is_unlikely(_share_with(earlier, [high]), new.n_forms, limits)
    )
    if not up and not down:
        return None
    return Shift(
        "recoded_items",
        (),
        f"answers run from {now[0]:g} to {now[-1]:g} where {low:g} to {high:g} was",
        f"Export with codes from {low:g}, or map them with `values` in the clinic's YAML",
    )


def _other_version(earlier: Form, new: Form, known: Definition, limits: Limits) -> Shift | None:
    """Find a five-point form under the name of the seven-point one, and the other way round."""
    before, now = _support(earlier), _support(new)
    if not before or not now:
        return None
    top, new_top = before[-1], now[-1]
    for other in known.other_maxima:
        beyond = [value for value in before if value > other]
        shorter = new_top <= other < top and _is_unlikely(
            _share_with(earlier, beyond), new.n_forms, limits
        )
        longer = top < new_top <= other and _share_with(
            new, [value for value in now if value > top]
        ) > max(RARE, 1 / new.n_forms)
        if shorter or longer:
            return Shift(
                "scale_of_other_version",
                (),
                f"no answer is above {other:g}, the end of another version's scale"
                if shorter
                else f"answers run on towards {other:g}, the end of another version's scale",
                "Ask which version of the form is in use, and set `version` in the clinic's YAML",
            )
    return None


def _spikes(earlier: Form, new: Form, limits: Limits) -> Iterator[Shift]:
    """Find a code for "not answered" that lies inside the item's range."""
    for item in sorted(set(earlier.items) & set(new.items)):
        before = earlier.counts[earlier.items.index(item)]
        now = new.counts[new.items.index(item)]
        for code in limits.missing_codes:
            if (
                code in now
                and min(before) <= code <= max(before)
                and _is_spike(code, before, now, limits)
            ):
                yield Shift(
                    "missing_code_in_range",
                    (item,),
                    f"{code:g} stands out among the answers to item {item} as it did not before, "
                    "like a code for: not answered",
                    f'Add "{code:g}" to `missing_codes` if it is one; else ask what changed',
                )


def _is_spike(code: float, before: dict[float, int], now: dict[float, int], limits: Limits) -> bool:
    n_before, n_now = sum(before.values()), sum(now.values())
    if min(n_before, n_now) < limits.min_forms or now[code] < limits.spike_forms:
        return False
    if max(before) - min(before) < 5:
        return False
    share_before, share = before.get(code, 0) / n_before, now[code] / n_now
    middle = (before.get(code, 0) + now[code]) / (n_before + n_now)
    error = np.sqrt(middle * (1 - middle) * (1 / n_before + 1 / n_now))
    if share - share_before < limits.spike_share or share - share_before < limits.spike_z * error:
        return False
    grid = np.unique([*before, *now])
    return _prominence(code, now, grid) >= limits.spike_ratio * _prominence(code, before, grid)


def _prominence(code: float, counts: dict[float, int], grid: Floats) -> float:
    """Return how often the code is answered, over what its neighbours are on average."""
    width = max((grid[-1] - grid[0]) / 10, 1.0)
    near = [value for value in grid if 0 < abs(value - code) <= width]
    total = sum(counts.get(value, 0) for value in near)
    return (counts.get(code, 0) + 0.5) / (total / max(len(near), 1) + 0.5)


def _rearranged(earlier: Form, new: Form, known: Definition, limits: Limits) -> Iterator[Shift]:
    """Find swapped and reversed items: the one explanation that fits best, if any does."""
    items = sorted(set(earlier.items) & set(new.items) - set(_items_of_one_value(new)))
    fewest = max(limits.fit_reference, limits.fit_reference_per_item * len(items))
    if len(items) < 3 or earlier.n_complete < fewest or new.n_complete < limits.min_forms:
        return
    before, now = earlier.only(items), new.only(items)
    ends = _support(earlier)
    fit = _Fit(before, now, ends[0] + ends[-1])
    best_gain, best = 0.0, None
    for change, chosen in _candidates(items, known):
        gain = fit.gain(change, [items.index(item) for item in chosen])
        if gain > best_gain:
            best_gain, best = gain, (change, chosen)
    enough = best_gain > limits.fit_gain and best_gain * now.n_complete > limits.fit_gain_total
    if best and enough:
        yield _as_shift(*best, whole=len(best[1]) == len(items))


def _candidates(items: list[int], known: Definition) -> Iterator[tuple[str, tuple[int, ...]]]:
    for pair in combinations(items, 2):
        yield "swapped_columns", pair
    for item in items:
        yield "recoded_items", (item,)
    keyed = tuple(item for item in known.reversed_items if item in items)
    if 1 < len(keyed) < len(items):
        yield "recoded_items", keyed
    yield "recoded_items", tuple(items)


def _as_shift(change: str, items: tuple[int, ...], *, whole: bool) -> Shift:
    named = ", ".join(map(str, items))
    if change == "swapped_columns":
        return Shift(
            change,
            items,
            f"items {items[0]} and {items[1]} stand in each other's place: their answers fit the "
            "other one's distribution and correlations",
            "Compare the export's columns with the form; correct the export or `items`",
        )
    return Shift(
        change,
        () if whole else items,
        f"{'all items' if whole else f'item(s) {named}'} are coded the other way round",
        "Export with the earlier coding, or turn it with `values` in the clinic's YAML",
    )


class _Fit:
    """How well new answers fit the earlier means and covariances (normal log-likelihood).

    A shift common to all items is taken out: clients who are better or worse are no change.
    """

    def __init__(self, before: Form, now: Form, ends: float) -> None:
        covariance = before.covariance + RIDGE * np.diag(np.diag(before.covariance) + 1e-9)
        self._precision = np.linalg.inv(covariance)
        self._expected = before.means
        self._means, self._covariance = now.means, now.covariance
        self._ends = ends
        self._as_is = self._likelihood(self._means, self._covariance)

    def gain(self, change: str, at: list[int]) -> float:
        """Return by how much the answers fit better, per form, once the change is undone."""
        means, covariance = self._means.copy(), self._covariance.copy()
        if change == "swapped_columns":
            other = at[::-1]
            means[at] = means[other]
            covariance[at, :] = covariance[other, :]
            covariance[:, at] = covariance[:, other]
        else:
            means[at] = self._ends - means[at]
            covariance[at, :] *= -1
            covariance[:, at] *= -1
        return self._likelihood(means, covariance) - self._as_is

    def _likelihood(self, means: Floats, covariance: Floats) -> float:
        apart = means - self._expected
        apart = apart - apart.mean()
        return -0.5 * float(np.sum(self._precision * covariance) + apart @ self._precision @ apart)
