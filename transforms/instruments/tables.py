"""The registry as rows, for the lake and the dbt project to join. Writes nothing itself."""

from __future__ import annotations

from typing import Any

from transforms.instruments.definition import Instrument
from transforms.instruments.parts import Cutoff, Norm, ReliableChange
from transforms.instruments.registry import Registry

_KEY = {
    "instrument_id": "VARCHAR",
    "version": "VARCHAR",
    "rater": "VARCHAR",
    "language": "VARCHAR",
}
# Columns of lake/registry/instruments.parquet in order: name to DuckDB type. ``key_evidence`` is
# how well the scoring key is known; ``n_item_columns`` counts optional items on top of n_items;
# ``n_reversed`` of the items are scored the other way round. ``age_low`` and ``age_high``: the
# ages in years the form is for, both included.
INSTRUMENT_COLUMNS = _KEY | {
    "is_default": "BOOLEAN",
    "name": "VARCHAR",
    "family": "VARCHAR",
    "n_items": "INTEGER",
    "item_min": "DOUBLE",
    "item_max": "DOUBLE",
    "item_step": "DOUBLE",
    "higher_is_better": "BOOLEAN",
    "timing": "VARCHAR",
    "is_scores_supplied": "BOOLEAN",
    "primary_scale": "VARCHAR",
    "definition_version": "VARCHAR",
    "citation": "VARCHAR",
    "licence": "VARCHAR",
    "key_evidence": "VARCHAR",
    "n_item_columns": "INTEGER",
    "n_reversed": "INTEGER",
    "age_low": "INTEGER",
    "age_high": "INTEGER",
}
# Columns of lake/registry/scales.parquet in order. ``min_answered``: with fewer there is no score.
SCALE_COLUMNS = _KEY | {
    "scale": "VARCHAR",
    "n_items": "INTEGER",
    "score_min": "DOUBLE",
    "score_max": "DOUBLE",
    "higher_is_better": "BOOLEAN",
    "cutoff_value": "DOUBLE",
    "cutoff_operator": "VARCHAR",
    "rc_value": "DOUBLE",
    "rc_operator": "VARCHAR",
    "rc_ci": "DOUBLE",
    "rc_method": "VARCHAR",
    "rc_source": "VARCHAR",
    "cutoff_source": "VARCHAR",
    "functional_mean": "DOUBLE",
    "functional_sd": "DOUBLE",
    "clinical_mean": "DOUBLE",
    "clinical_sd": "DOUBLE",
    "norm_sd": "DOUBLE",
    "reliability": "DOUBLE",
    "reliability_kind": "VARCHAR",
    "reliability_source": "VARCHAR",
    "nhs_cutoff_value": "DOUBLE",
    "nhs_cutoff_operator": "VARCHAR",
    "nhs_rc_value": "DOUBLE",
    "nhs_rc_operator": "VARCHAR",
    "min_answered": "INTEGER",
}


def registry_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row per definition with the columns of INSTRUMENT_COLUMNS."""
    return [_instrument_row(instrument) for instrument in registry.instruments]


def scale_rows(registry: Registry) -> list[dict[str, Any]]:
    """Return one row per definition and scale with the columns of SCALE_COLUMNS."""
    return [_scale_row(i, scale) for i in registry.instruments for scale in i.scales]


def _key(instrument: Instrument) -> dict[str, str]:
    return dict(zip(_KEY, instrument.key, strict=True))


def _instrument_row(instrument: Instrument) -> dict[str, Any]:
    items = instrument.items
    return _key(instrument) | {
        "is_default": instrument.is_default,
        "name": instrument.name,
        "family": instrument.family,
        "n_items": items.n if items else None,
        "item_min": items.min if items else None,
        "item_max": items.max if items else None,
        "item_step": items.step if items else None,
        "higher_is_better": instrument.better == "higher",
        "timing": instrument.timing,
        "is_scores_supplied": instrument.scores_supplied,
        "primary_scale": instrument.primary_scale,
        "definition_version": instrument.definition_version,
        "citation": instrument.citation,
        "licence": instrument.licence,
        "key_evidence": instrument.key_evidence,
        "n_item_columns": items.n_columns if items else None,
        "n_reversed": len(items.reverse) if items else None,
        "age_low": instrument.ages.low if instrument.ages else None,
        "age_high": instrument.ages.high if instrument.ages else None,
    }


def _scale_row(instrument: Instrument, name: str) -> dict[str, Any]:
    scale = instrument.scales[name]
    low, high = instrument.score_range(name)
    nhs = scale.nhs_tt
    return (
        _key(instrument)
        | {
            "scale": name,
            "n_items": instrument.item_count(name),
            "score_min": low,
            "score_max": high,
            "higher_is_better": instrument.higher_is_better(name),
        }
        | _cutoff_columns(_headline(scale.cutoffs))
        | _change_columns(_headline(scale.reliable_change))
        | _norm_columns("functional", scale.norms.functional)
        | _norm_columns("clinical", scale.norms.clinical)
        | {
            "reliability": scale.reliability[0].value if scale.reliability else None,
            "reliability_kind": scale.reliability[0].kind if scale.reliability else None,
            "reliability_source": scale.reliability[0].source if scale.reliability else None,
            "nhs_cutoff_value": nhs.cutoff_value if nhs else None,
            "nhs_cutoff_operator": nhs.cutoff_operator if nhs else None,
            "nhs_rc_value": nhs.rc_value if nhs else None,
            "nhs_rc_operator": nhs.rc_operator if nhs else None,
            "min_answered": _min_answered(instrument, name),
        }
    )


def _min_answered(instrument: Instrument, name: str) -> int | None:
    """Return how many answers a score needs; an item that may not apply is not among them."""
    scale = instrument.scales[name]
    if scale.method == "supplied" or not instrument.items:
        return None
    if scale.method == "sum_of_scales":
        needed = [_min_answered(instrument, part) for part in scale.of_scales]
        return sum(n for n in needed if n is not None)
    items = set(instrument.items_of(scale)) - set(instrument.items.not_applicable)
    return max(1, len(items) - scale.missing.max_missing)


def _headline(entries: tuple[Any, ...]) -> Any | None:
    return next((entry for entry in entries if entry.is_headline), None)


def _cutoff_columns(cutoff: Cutoff | None) -> dict[str, Any]:
    return {
        "cutoff_value": cutoff.value if cutoff else None,
        "cutoff_operator": cutoff.operator if cutoff else None,
        "cutoff_source": cutoff.source if cutoff else None,
    }


def _change_columns(change: ReliableChange | None) -> dict[str, Any]:
    return {
        "rc_value": change.value if change else None,
        "rc_operator": change.operator if change else None,
        "rc_ci": change.ci if change else None,
        "rc_method": change.method if change else None,
        "rc_source": change.source if change else None,
        "norm_sd": change.sd if change else None,
    }


def _norm_columns(group: str, norm: Norm | None) -> dict[str, Any]:
    return {
        f"{group}_mean": norm.mean if norm else None,
        f"{group}_sd": norm.sd if norm else None,
    }
