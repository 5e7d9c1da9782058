"""Which rows an estimate covers: everything, a group of clinics, or one clinic.

One definition, computed at three levels, so that a clinic's number and the overall number
can be compared. Rows carry the number of their stratum (clinic × instruments); a scope is
a set of strata, so no row is ever copied per scope before it is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Scope:
    """One estimate's rows.

    ``level`` is 'overall', 'group' or 'clinic'; ``scope_id`` is 'all', the group or the clinic;
    ``key`` holds the instruments, so different instruments never mix; ``strata`` are the numbers.
    """

    level: str
    scope_id: str
    key: tuple[str, ...]
    strata: tuple[int, ...]


def scopes(
    clinic_ids: Sequence[str], clinic_groups: Sequence[str | None], keys: Sequence[tuple[str, ...]]
) -> list[Scope]:
    """Return every scope of the strata 0…S−1, in a fixed order: overall, groups, clinics."""
    found: dict[tuple[int, str, str, tuple[str, ...]], list[int]] = {}
    for stratum, (clinic, group, key) in enumerate(
        zip(clinic_ids, clinic_groups, keys, strict=True)
    ):
        found.setdefault((0, "overall", "all", key), []).append(stratum)
        if group is not None:
            found.setdefault((1, "group", group, key), []).append(stratum)
        found.setdefault((2, "clinic", clinic, key), []).append(stratum)
    return [Scope(*place[1:], tuple(strata)) for place, strata in sorted(found.items())]


class StratifiedRows:
    """Columns of numbers, sorted once by stratum, from which scopes cut their rows."""

    def __init__(self, stratum: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        order = np.argsort(stratum, kind="stable")
        self._columns = {name: np.asarray(column)[order] for name, column in columns.items()}
        n_strata = int(stratum.max()) + 1 if len(stratum) else 0
        self._starts = np.searchsorted(np.asarray(stratum)[order], np.arange(n_strata + 1))

    def rows_of(self, scope: Scope) -> dict[str, np.ndarray]:
        """Return the scope's columns."""
        slices = [slice(self._starts[s], self._starts[s + 1]) for s in scope.strata]
        return {
            name: np.concatenate([column[part] for part in slices])
            for name, column in self._columns.items()
        }

    def each(self, wanted: Sequence[Scope]) -> Iterator[tuple[Scope, dict[str, np.ndarray]]]:
        """Yield every scope with its columns."""
        for scope in wanted:
            yield scope, self.rows_of(scope)
