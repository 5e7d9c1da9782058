"""Rules S10 and S11: do the items of a scale hang together as its manual says?

Answers stay in DuckDB: only variances and covariances of a clinic's forms leave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from expectations.catalogue import Catalogue
from expectations.published.measures import Measure, measured_rules
from expectations.rows.delivery import Lake
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry
from transforms.sql import only_row
from transforms.statistics.reliability import (
    ItemMoments,
    cronbach_alpha,
    item_rest_correlations,
    mcdonald_omega,
)

TABLE = "responses"
FEWEST_ITEMS = 3


@dataclass(frozen=True)
class ScaleMoments:
    """Moments of one scale in one clinic."""

    instrument: Instrument
    scale: str
    moments: ItemMoments


def check_items(
    con: duckdb.DuckDBPyConnection,
    lake: Path,
    clinics: list[str],
    registry: Registry,
    rules: Catalogue,
) -> list[Measure]:
    """Return the results of S10 and S11 for every clinic.

    S10 counts items of primary scales, S11 scales with a published alpha; both only of
    instruments with enough complete forms in the last days that the clinic delivered.
    """
    settings = {rule.id: check.settings for rule, check in measured_rules(rules)}
    results = []
    for clinic_id in clinics:
        try:
            scales = list(_scales(con, Lake(lake, clinic_id), registry, settings["S10"]))
        except duckdb.Error as error:
            kind = type(error).__name__.removesuffix("Exception")
            results += [
                Measure(rule, clinic_id, TABLE, 0, 0, error=f"{kind} error while items were read")
                for rule in ("S10", "S11")
            ]
            continue
        results.append(_turned_items(clinic_id, scales))
        results.append(_odd_alphas(clinic_id, scales, **settings["S11"]))
    return results


def _turned_items(clinic_id: str, scales: list[ScaleMoments]) -> Measure:
    n_scope, broken = 0, []
    for each in scales:
        if each.scale != each.instrument.primary_scale:
            continue
        numbers = each.instrument.items_of(each.instrument.scales[each.scale])
        for number, r in zip(numbers, item_rest_correlations(each.moments), strict=True):
            n_scope += r is not None
            if r is not None and r < 0:
                broken.append(f"{each.instrument.instrument_id} item {number}")
    return Measure("S10", clinic_id, TABLE, n_scope, len(broken), ", ".join(broken) or None)


def _odd_alphas(
    clinic_id: str, scales: list[ScaleMoments], margin: float, lowest: float
) -> Measure:
    n_scope, broken = 0, []
    for each in scales:
        published = _published_alpha(each)
        alpha = cronbach_alpha(each.moments)
        if published is None or alpha is None:
            continue
        n_scope += 1
        is_too_low = published >= lowest > alpha
        if is_too_low or abs(alpha - published) > margin + 1e-9:
            omega = mcdonald_omega(each.moments)
            beside = "" if omega is None else f", omega {omega:.2f}"
            broken.append(f"{each.instrument.instrument_id} {each.scale} {alpha:.2f}{beside}")
    return Measure("S11", clinic_id, TABLE, n_scope, len(broken), ", ".join(broken) or None)


def _published_alpha(each: ScaleMoments) -> float | None:
    known = each.instrument.scales[each.scale].reliability
    return next((entry.value for entry in known if entry.kind == "alpha"), None)


def _scales(
    con: duckdb.DuckDBPyConnection, lake: Lake, registry: Registry, settings: dict[str, float]
) -> Iterator[ScaleMoments]:
    rows = lake.rows(con, TABLE)
    if rows is None:
        return
    columns = {row[0] for row in con.execute(f"describe select * from ({rows})").fetchall()}
    con.execute(
        f"""
        create or replace temp view recent_forms as
        select * from ({rows})
        where completed_at > (select max(completed_at) from ({rows}))
            - interval 1 day * {settings["days"]:.0f}
        """
    )
    forms = con.execute(
        "select instrument_id, version, rater from recent_forms "
        "group by all having count(*) >= ? order by all",
        [int(settings["min_forms"])],
    ).fetchall()
    for form in forms:
        instrument = registry.find(*form)
        if instrument is None or instrument.scores_supplied:
            continue
        for scale, definition in instrument.scales.items():
            numbers = () if definition.of_scales else instrument.items_of(definition)
            is_known = {f"item_{number}" for number in numbers} <= columns
            if len(numbers) < FEWEST_ITEMS or not is_known:
                continue
            moments = _moments(con, form, instrument, numbers)
            if moments.n >= settings["min_forms"]:
                yield ScaleMoments(instrument, scale, moments)


def _moments(
    con: duckdb.DuckDBPyConnection,
    form: tuple[str, str | None, str | None],
    instrument: Instrument,
    numbers: tuple[int, ...],
) -> ItemMoments:
    # Turning an answer round is a change of sign; the constant moves no variance.
    turned = set(instrument.grid.reverse)
    items = [f"{'-' if n in turned else ''}item_{n}" for n in numbers]
    complete = " and ".join(f"item_{n} is not null" for n in numbers)
    first, second = np.triu_indices(len(items))
    covariances = ", ".join(
        f"covar_samp({items[a]}, {items[b]})" for a, b in zip(first, second, strict=True)
    )
    moments = con.execute(
        f"""
        select count(*), {covariances}
        from recent_forms
        where instrument_id = ? and version is not distinct from ?
            and rater is not distinct from ? and {complete}
        """,
        list(form),
    )
    n, *found = only_row(moments)
    matrix = np.zeros((len(items), len(items)))
    matrix[first, second] = matrix[second, first] = [value or 0.0 for value in found]
    return ItemMoments(n, matrix)
