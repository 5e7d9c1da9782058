"""An estimate that cannot be had is missing and says why; the others go on.

Every estimate of a cf_ table passes through :func:`withheld`: it takes the records of one scope
and gives back one record per label, whatever happened on the way. Poor data have reasons of their
own ("fewer than 2 therapists"); what lands here is a **defect**: an exception nobody expected, a
number that is not finite, an interval beside its estimate. Its reason begins with ``DEFECT`` and
names the exception's class, never its message, which may hold a value. Rule P10 counts these rows.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Record = dict[str, Any]  # one row of a table, by column
Facts = Mapping[str, Any]
DEFECT = "defect: "
DUST = 1e-9  # a bound this close to its estimate, relative to it, is the estimate


def is_defect(reason: str | None) -> bool:
    """Return whether a reason speaks of a defect, not of poor data."""
    return reason is not None and reason.startswith(DEFECT)


def attempt(estimate: Callable[[], T], instead: Callable[[str], T]) -> T:
    """Return the estimate, or what stands in its place when it breaks off, made from the reason.

    Only running out of memory, and what is no Exception, is raised: the next night may have more.
    """
    try:
        return estimate()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the row says so, and rule P10 counts it
        return instead(f"{DEFECT}the estimator broke off ({type(error).__name__})")


def withheld(records: Iterable[Record], labels: Sequence[Facts], shared: Facts) -> list[Record]:
    """Return one sound record per label.

    Parameters
    ----------
    records : made while they are read, so that what breaks off keeps what came before it
    labels : what tells the records of one scope apart, and facts a record has in any case
    shared : columns of a record without an estimate: ``ci_level``, counts of rows
    """
    found: list[Record] = []

    def read_all() -> list[Record]:
        for record in records:
            found.append(record)
        return []

    def rest(reason: str) -> list[Record]:
        nothing = {**shared, "estimate": None, "ci_low": None, "ci_high": None, "reason": reason}
        return [{**nothing, **label} for label in labels if not _is_among(label, found)]

    missing = attempt(read_all, rest)
    facts = {*shared}.union(*labels)
    return [*(_sound(record, facts) for record in found), *missing]


def _is_among(label: Facts, records: Sequence[Facts]) -> bool:
    return any(all(record.get(key) == label[key] for key in label) for record in records)


def _sound(record: Record, facts: set[str]) -> Record:
    """Return the record without rounding in its interval, or without impossible numbers."""
    value = record.get("estimate")
    if value is None:
        return record
    low, high = record.get("ci_low"), record.get("ci_high")
    what = None
    if not math.isfinite(value) or any(end is not None and math.isnan(end) for end in (low, high)):
        what = "not a finite number"
    dust = DUST * max(1.0, abs(value))
    if (low is not None and low > value + dust) or (high is not None and high < value - dust):
        what = "the interval does not hold its estimate"
    if what is not None:
        return _without_numbers(record, facts) | {"reason": DEFECT + what}
    ends = {"ci_low": low, "ci_high": high}
    if low is not None:
        ends["ci_low"] = min(low, value)
    if high is not None:
        ends["ci_high"] = max(high, value)
    return record | {name: end for name, end in ends.items() if name in record}


def _without_numbers(record: Facts, facts: set[str]) -> Record:
    """Return the record without what was estimated: every number with decimals."""
    numbers = {name for name, value in record.items() if isinstance(value, float)} - facts
    return {
        name: None if name in numbers or name.startswith("verdict") else value
        for name, value in record.items()
    }
