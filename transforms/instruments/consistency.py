"""What a questionnaire definition must fulfil as a whole before it may score anything.

Each check raises ``DefinitionError`` with the key at fault and a remedy; the registry adds the
file. A definition that passes cannot count an item twice, lose one, or leave a score unbanded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import Protocol

from transforms.errors import DefinitionError
from transforms.instruments.parts import BandSet, Condition, Flag, Items, ReliableChange, Scale


class Definition(Protocol):
    """What is looked at of a definition; `definition.Instrument` is one."""

    @property
    def items(self) -> Items | None: ...
    @property
    def grid(self) -> Items: ...
    @property
    def scales(self) -> Mapping[str, Scale]: ...
    @property
    def primary_scale(self) -> str: ...
    @property
    def scores_supplied(self) -> bool: ...
    @property
    def flags(self) -> Mapping[str, Flag]: ...

    def score_range(self, scale: str) -> tuple[float | None, float | None]: ...
    def items_of(self, part: Scale | Condition) -> tuple[int, ...]: ...
    def item_count(self, scale: str) -> int | None: ...


def check_instrument(instrument: Definition) -> None:
    """Raise DefinitionError at the first contradiction in ``instrument``."""
    if instrument.primary_scale not in instrument.scales:
        raise DefinitionError(
            "primary_scale",
            f"{instrument.primary_scale} is not one of the scales",
            f"Use one of: {', '.join(instrument.scales)}",
        )
    _check_supplied_or_computed(instrument)
    _check_item_numbers(instrument)
    _check_scale_maps(instrument)
    for name, scale in instrument.scales.items():
        _check_missing_rule(instrument, name)
        _check_headlines(name, scale)
        for change in scale.reliable_change:
            _check_reliable_change(f"scales.{name}.reliable_change", change)
        for set_name, bands in scale.bands.items():
            _check_bands(f"scales.{name}.bands.{set_name}", bands, instrument.score_range(name))
        if scale.nhs_tt and (scale.nhs_tt.rc_value is None) != (scale.nhs_tt.rc_operator is None):
            raise DefinitionError(
                f"scales.{name}.nhs_tt",
                "rc_value and rc_operator come as a pair",
                "Give both or neither",
            )
    _check_flags(instrument)


def _check_supplied_or_computed(instrument: Definition) -> None:
    if not instrument.scores_supplied and instrument.items is None:
        raise DefinitionError(
            "items",
            "is missing, and scores are to be computed",
            "Describe the items, or set scores_supplied: true",
        )
    for name, scale in instrument.scales.items():
        is_supplied = scale.method == "supplied"
        if is_supplied != instrument.scores_supplied:
            raise DefinitionError(
                f"scales.{name}.method",
                f"is {scale.method} while scores_supplied is {instrument.scores_supplied}",
                "Use method: supplied exactly where scores_supplied is true",
            )
        if is_supplied and (scale.items or scale.of_scales):
            raise DefinitionError(
                f"scales.{name}.items",
                "a supplied score has no item map",
                "Remove the items, or set scores_supplied: false and say how to compute it",
            )
        if not is_supplied and (scale.score_min is not None or scale.score_max is not None):
            raise DefinitionError(
                f"scales.{name}.score_min",
                "the range of a computed score follows from its items",
                "Remove score_min and score_max",
            )


def _check_item_numbers(instrument: Definition) -> None:
    items = instrument.items
    if items is None:
        return
    if not items.min < items.max:
        raise DefinitionError("items.min", "is not below items.max", "Correct the range")
    for key in ("reverse", "unscored", "not_applicable", "uncertain"):
        numbers = getattr(items, key)
        _refuse_outside(f"items.{key}", numbers, items.n)
        _refuse_repeated(f"items.{key}", numbers)
    if any(value < items.min or value > items.max for value in items.allowed):
        raise DefinitionError(
            "items.allowed", "holds a value outside min to max", "Correct the value or the range"
        )
    if any(extra.item <= items.n for extra in items.optional):
        raise DefinitionError(
            "items.optional",
            "holds an item within 1 to n",
            "Number optional items after the last scored one, or list them as unscored",
        )


def _check_scale_maps(instrument: Definition) -> None:
    if instrument.scores_supplied:
        return
    n, scored = instrument.grid.n, set(range(1, instrument.grid.n + 1))
    scored -= set(instrument.grid.unscored)
    in_subscales: list[int] = []
    for name, scale in instrument.scales.items():
        if scale.method == "sum_of_scales":
            _check_sum_of_scales(instrument, name)
            continue
        numbers = instrument.items_of(scale)
        if not numbers or scale.of_scales:
            raise DefinitionError(
                f"scales.{name}.items", "has no items of its own", "List the item numbers, or all"
            )
        _refuse_outside(f"scales.{name}.items", numbers, n)
        _refuse_repeated(f"scales.{name}.items", numbers)
        if scale.kind == "total":
            _refuse_incomplete(f"scales.{name}.items", set(numbers), scored)
        if scale.kind == "subscale":
            in_subscales.extend(numbers)
    if in_subscales:
        _refuse_repeated("scales", in_subscales)
        _refuse_incomplete("scales", set(in_subscales), scored)


def _check_sum_of_scales(instrument: Definition, name: str) -> None:
    scale = instrument.scales[name]
    known = [name for name in scale.of_scales if name in instrument.scales]
    parts = [instrument.scales[name] for name in known]
    is_complete = bool(parts) and len(parts) == len(scale.of_scales)
    if not is_complete or scale.items or any(part.method == "sum_of_scales" for part in parts):
        raise DefinitionError(
            f"scales.{name}.of_scales",
            "must name scales that are computed from items, and no items of its own",
            "List the names of the subscales that are added up",
        )
    if any(part.factor != 1 or part.method == "mean" for part in parts):
        raise DefinitionError(
            f"scales.{name}.of_scales",
            "adds up scales that are not plain sums",
            "Add up sums with factor 1, or define the score from its items",
        )


def _refuse_outside(key: str, numbers: Iterable[int], n: int) -> None:
    outside = sorted({number for number in numbers if not 1 <= number <= n})
    if outside:
        raise DefinitionError(
            key, f"item numbers {outside} lie outside 1 to {n}", "Correct the numbers or items.n"
        )


def _refuse_repeated(key: str, numbers: Iterable[int]) -> None:
    repeated = sorted(number for number, times in Counter(numbers).items() if times > 1)
    if repeated:
        raise DefinitionError(
            key,
            f"items {repeated} are counted more than once",
            "Put each item into one subscale; a scale that overlaps on purpose is kind: extra",
        )


def _refuse_incomplete(key: str, covered: set[int], scored: set[int]) -> None:
    if covered != scored:
        raise DefinitionError(
            key,
            f"items {sorted(scored - covered)} are in no scale and items "
            f"{sorted(covered - scored)} are declared unscored",
            "Complete the map, or declare items.unscored",
        )


def _check_missing_rule(instrument: Definition, name: str) -> None:
    scale = instrument.scales[name]
    rule = scale.missing
    if rule.method != "none" and scale.method in ("sum_of_scales", "supplied"):
        raise DefinitionError(
            f"scales.{name}.missing",
            f"has no meaning for method {scale.method}",
            "Put the rule on the scales that are computed from items",
        )
    if rule.max_missing >= (instrument.item_count(name) or 1) > 0 and rule.max_missing:
        raise DefinitionError(
            f"scales.{name}.missing.max_missing",
            "allows every item to be missing",
            "Ask for at least one answered item",
        )
    if rule.method.endswith("rounded_subscale") and scale.method != "sum":
        raise DefinitionError(
            f"scales.{name}.missing.method",
            "fills in whole answers and needs a sum",
            "Use person_mean for means",
        )


def _check_headlines(name: str, scale: Scale) -> None:
    for key in ("cutoffs", "reliable_change"):
        if sum(entry.is_headline for entry in getattr(scale, key)) > 1:
            raise DefinitionError(
                f"scales.{name}.{key}", "has more than one headline", "Mark one with is_headline"
            )


def _check_reliable_change(key: str, change: ReliableChange) -> None:
    """Recompute published points where their inputs are stated: 1.96 x SD x sqrt(2(1 - r))."""
    if (change.sd is None) != (change.reliability is None):
        raise DefinitionError(key, "sd and reliability come as a pair", "Give both or neither")
    if change.sd is None or change.reliability is None:
        return
    z = NormalDist().inv_cdf((1 + (change.ci or 0.95)) / 2)
    points = z * change.sd * math.sqrt(2 * (1 - change.reliability))
    if abs(points - change.value) >= 1:
        raise DefinitionError(
            key,
            f"is {change.value:g} points, but its sd and reliability give {points:.2f}",
            "Check value, sd, reliability and ci against the source",
        )


def _check_bands(key: str, bands: BandSet, span: tuple[float | None, float | None]) -> None:
    levels = bands.levels
    if any(band.low > band.high for band in levels):
        raise DefinitionError(key, "a band ends before it begins", "Swap low and high")
    if (levels[0].low, levels[-1].high) != span:
        raise DefinitionError(
            key,
            f"run from {levels[0].low:g} to {levels[-1].high:g}, the score from "
            f"{span[0]} to {span[1]}",
            "Begin at the lowest and end at the highest possible score",
        )
    for lower, upper in pairwise(levels):
        if not math.isclose(upper.low, lower.high + bands.step):
            raise DefinitionError(
                key,
                f"'{upper.label}' begins at {upper.low:g} after '{lower.label}' ends at "
                f"{lower.high:g}, which leaves a gap or an overlap",
                f"Begin each band {bands.step:g} above the end of the one before",
            )


def _check_flags(instrument: Definition) -> None:
    for name, flag in instrument.flags.items():
        key = f"flags.{name}.conditions"
        for condition in flag.conditions:
            if (condition.scale is None) == (not condition.items):
                raise DefinitionError(key, "needs a scale or items, not both", "Give one of them")
            if condition.scale is not None and condition.scale not in instrument.scales:
                raise DefinitionError(
                    key, f"{condition.scale} is not one of the scales", "Correct the name"
                )
            if condition.items and instrument.items is None:
                raise DefinitionError(key, "items are not described", "Describe the items first")
            if condition.items:
                _refuse_outside(key, instrument.items_of(condition), instrument.grid.n)
