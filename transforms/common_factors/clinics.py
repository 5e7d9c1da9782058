"""How a row over several clinics was made of them, and how much they differ: once for all tables.

The clinics' own rows of the same table are the sample; how few clients one has is in its interval.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from transforms.statistics.estimate import Estimate
from transforms.statistics.heterogeneity import IDENTITY, heterogeneity_of
from transforms.statistics.withheld import Facts, Record

ONE_CLINIC = "one clinic"
CLINIC_EFFECTS = "clinic effects in the model"
WITHIN_CLINICS = "compared within clinics"
BY_CLIENTS = "clinics weighted by their clients"
OWN_CLINIC_ONLY = "each row is of one clinic"


@dataclass(frozen=True)
class Clinics:
    """What a table does with several clinics.

    ``pooling`` in words; ``keys`` the columns that, besides the scope, tell its rows apart;
    ``scale`` on which clinics are compared, or what gives it of a row.
    """

    pooling: str
    keys: tuple[str, ...]
    scale: str | Callable[[Facts], str] = IDENTITY

    def beside(self, rows: Sequence[Record], groups: Mapping[str, str | None]) -> list[Record]:
        """Return the rows, pooled ones with what their clinics say of them."""
        of_clinics: dict[tuple[object, ...], list[Record]] = {}
        for row in rows:
            if row.get("scope_level") == "clinic":
                of_clinics.setdefault(self._key_of(row), []).append(row)
        return [self._with_clinics(row, of_clinics, groups) for row in rows]

    def _key_of(self, row: Facts) -> tuple[object, ...]:
        return tuple(row.get(key) for key in self.keys)

    def _with_clinics(
        self,
        row: Record,
        of_clinics: Mapping[tuple[object, ...], list[Record]],
        groups: Mapping[str, str | None],
    ) -> Record:
        level = row.get("scope_level")
        if level is None:
            return row
        if level == "clinic":
            return row | {"pooling": ONE_CLINIC}
        own = [
            other
            for other in of_clinics.get(self._key_of(row), [])
            if level == "overall" or groups.get(other["scope_id"]) == row["scope_id"]
        ]
        if len(own) < 2:
            return row | {"pooling": ONE_CLINIC}
        return row | {"pooling": self.pooling} | self._heterogeneity(row, own)

    def _heterogeneity(self, row: Facts, own: Iterable[Facts]) -> Record:
        scale = self.scale(row) if callable(self.scale) else self.scale
        found = heterogeneity_of([_estimate_of(each) for each in own], scale)
        low, high = found.prediction or (None, None)
        return {
            "n_clinics": found.n_clinics,
            "tau": found.tau,
            "i_squared_percent": None if found.i_squared is None else 100 * found.i_squared,
            "prediction_low": low,
            "prediction_high": high,
            "clinics_disagree": found.is_sign_mixed,
        }


def groups_of(candidates: Iterable[pa.Table]) -> dict[str, str | None]:
    """Return the group of each clinic of some candidates."""
    return {
        clinic: group
        for frame in candidates
        for clinic, group in zip(
            frame["clinic_id"].to_pylist(), frame["clinic_group"].to_pylist(), strict=True
        )
    }


def _estimate_of(row: Facts) -> Estimate:
    return Estimate(
        row.get("estimate"),
        row.get("ci_low"),
        row.get("ci_high"),
        row.get("ci_level") or 0.95,
        row.get("n_used") or 0,
    )
