"""What each method of judging change asks of an instrument, as one rule SQL can apply to episodes.

The formulas are in :mod:`transforms.instruments.change_indices`; here they meet a row of
config/change_methods.csv and what the registry and this installation know of an instrument. The
models compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from transforms.instruments.change import clinical_cut_offs
from transforms.instruments.change_indices import (
    LinearIndex,
    Reference,
    edwards_nunnally,
    gulliksen_lord_novick,
    hageman_arrindell,
    jacobson_truax,
    points,
    reliable_trend,
)
from transforms.statistics.withheld import attempt

FEWEST_REFERENCE_EPISODES = 30
Row = Mapping[str, Any]  # of config/change_methods.csv, or of int_scales
Sample = Mapping[str, Any]  # first and last scores of this installation, see change_rule
Columns = dict[str, Any]  # of ChangeRule


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """One method for one instrument version, ready to be joined to episodes.

    ``basis`` is what SQL makes of the index: 'none', 'first_score' (percent of it) or 'all_scores'
    (of the trend over all instead of the last). ``why_not`` says what the registry lacks; all
    numbers are None then. Cases are ``score <operator> value``; a rule without them knows no
    recovery.
    """

    instrument_id: str
    version: str
    rater: str
    method: str
    kind: str
    label: str
    cutoff: str
    source: str
    evidence: str
    direction: int | None
    basis: str = "none"
    post_weight: float | None = None
    pre_weight: float | None = None
    constant: float | None = None
    critical: float | None = None
    operator: str | None = None
    start_cutoff: float | None = None
    start_operator: str | None = None
    end_cutoff: float | None = None
    end_operator: str | None = None
    sd: float | None = None
    sd_source: str | None = None
    mean: float | None = None
    mean_source: str | None = None
    reliability: float | None = None
    reliability_source: str | None = None
    n_reference: int = 0
    why_not: str | None = None


class NotPossibleError(Exception):
    """The registry or the data lack what a method needs; the message says what."""


def change_rule(method: Row, scale: Row, sample: Sample | None) -> Columns:
    """Return the columns of ChangeRule for one method, primary scale and reference sample.

    Parameters
    ----------
    method : a row of config/change_methods.csv
    scale : a row of int_scales with norms
    sample : first and last scores of this installation (n_pairs, mean_pre, sd_pre, mean_post,
        sd_post, correlation); None or fewer than FEWEST_REFERENCE_EPISODES pairs: not used
    """
    place = {
        **{name: scale[name] for name in ("instrument_id", "version", "rater", "direction")},
        **{name: method[name] for name in ("method", "kind", "label", "cutoff", "source")},
        "evidence": method["evidence"],
        "n_reference": int(sample["n_pairs"]) if sample else 0,
    }
    known = sample if sample and sample["n_pairs"] >= FEWEST_REFERENCE_EPISODES else None
    found = attempt(
        lambda: _rule_or_reason(method, scale, known), lambda reason: {"why_not": reason}
    )
    return asdict(ChangeRule(**place | found))


def _rule_or_reason(method: Row, scale: Row, known: Sample | None) -> Columns:
    try:
        found = _threshold(method, scale) | _cases(method, scale)
        return found | _BUILDERS[method["kind"]](scale, known)
    except NotPossibleError as reason:
        return {"why_not": str(reason)}


def _threshold(method: Row, scale: Row) -> Columns:
    if method["critical"] is not None:
        return {"critical": method["critical"], "operator": method["operator"]}
    if scale["rc_value"] is None:
        raise NotPossibleError("the registry has no reliable change")
    return {"critical": scale["rc_value"], "operator": scale["rc_operator"]}


def _cases(method: Row, scale: Row) -> Columns:
    """Return where the clinical range begins, by the cut-off the method asks for."""
    if method["cutoff"] == "none":
        return {}
    if method["cutoff"] == "values":
        names = ("start_cutoff", "start_operator", "end_cutoff", "end_operator")
        return {name: method[name] for name in names}
    if method["cutoff"] == "registry":
        if scale["cutoff_value"] is None:
            raise NotPossibleError("the registry has no cut-off")
        return _both_ends(scale["cutoff_value"], scale["cutoff_operator"])
    norms = {
        f"{group}_{name}": scale[f"{group}_{name}"]
        for group in ("clinical", "functional")
        for name in ("mean", "sd")
    }
    if None in norms.values():
        if method["cutoff"] == "c_or_registry":
            return _cases({"cutoff": "registry"}, scale)
        raise NotPossibleError("the registry has no norms of both groups")
    cut_offs = clinical_cut_offs(**norms, higher_is_better=scale["direction"] == 1)
    value = getattr(cut_offs, method["cutoff"][0])
    # On the cut-off is still the clinical range.
    return _both_ends(value, "<=" if scale["direction"] == 1 else ">=")


def _both_ends(value: float, operator: str) -> Columns:
    return {
        "start_cutoff": value,
        "start_operator": operator,
        "end_cutoff": value,
        "end_operator": operator,
    }


def _spread(scale: Row, sample: Sample | None) -> Columns:
    """Return SD and reliability: published where there is one, so that nobody moves overnight."""
    if scale["reliability"] is None:
        raise NotPossibleError("the registry has no reliability")
    reliability = {
        "reliability": scale["reliability"],
        "reliability_source": scale["reliability_source"],
    }
    for column in ("norm_sd", "clinical_sd"):
        if scale[column] is not None:
            return reliability | {"sd": scale[column], "sd_source": "registry"}
    return reliability | {"sd": _varying(sample)["sd_pre"], "sd_source": "this installation"}


def _varying(sample: Sample | None) -> Sample:
    """Return the sample; raises NotPossibleError where there is none or it does not vary."""
    if sample is None or not sample["sd_pre"] or sample["sd_pre"] <= 0:
        raise NotPossibleError(
            f"no published SD, and fewer than {FEWEST_REFERENCE_EPISODES} episodes that vary"
        )
    return sample


def _mean(scale: Row, sample: Sample | None) -> Columns:
    if scale["clinical_mean"] is not None:
        return {"mean": scale["clinical_mean"], "mean_source": "registry"}
    return {"mean": _varying(sample)["mean_pre"], "mean_source": "this installation"}


def _of_points(scale: Row, sample: Sample | None) -> Columns:
    return asdict(points())


def _of_jacobson_truax(scale: Row, sample: Sample | None) -> Columns:
    spread = _spread(scale, sample)
    return spread | asdict(jacobson_truax(sd=spread["sd"], reliability=spread["reliability"]))


def _of_reliable_trend(scale: Row, sample: Sample | None) -> Columns:
    spread = _spread(scale, sample)
    index = reliable_trend(sd=spread["sd"], reliability=spread["reliability"])
    return spread | {"basis": "all_scores", **asdict(index)}


class _FormulaOfMean(Protocol):
    def __call__(self, *, mean: float, sd: float, reliability: float) -> LinearIndex: ...


def _of_mean(formula: _FormulaOfMean) -> Callable[[Row, Sample | None], Columns]:
    def build(scale: Row, sample: Sample | None) -> Columns:
        used = _spread(scale, sample) | _mean(scale, sample)
        index = formula(mean=used["mean"], sd=used["sd"], reliability=used["reliability"])
        return used | asdict(index)

    return build


def _of_hageman_arrindell(scale: Row, sample: Sample | None) -> Columns:
    sample = _varying(sample)
    if scale["reliability"] is None:
        raise NotPossibleError("the registry has no reliability")
    if not sample["sd_post"] or sample["correlation"] is None:
        raise NotPossibleError("the last scores of this installation do not vary")
    names = ("mean_pre", "sd_pre", "mean_post", "sd_post", "correlation")
    reference = Reference(**{name: sample[name] for name in names})
    index = hageman_arrindell(reference, reliability=scale["reliability"])
    if index is None:
        raise NotPossibleError("differences in this installation are no more than error")
    used = {"sd": sample["sd_pre"], "mean": sample["mean_pre"]}
    used |= {"sd_source": "this installation", "mean_source": "this installation"}
    used |= {name: scale[name] for name in ("reliability", "reliability_source")}
    return used | asdict(index)


def _of_percent(scale: Row, sample: Sample | None) -> Columns:
    if scale["direction"] != -1 or scale["score_min"] != 0:
        raise NotPossibleError("percent of the first score needs a scale from 0, lower is better")
    return {"basis": "first_score", **asdict(LinearIndex(100.0, -100.0))}


def _of_effect_size(scale: Row, sample: Sample | None) -> Columns:
    if sample is None or not sample["sd_of_first_scores"]:
        raise NotPossibleError(
            f"fewer than {FEWEST_REFERENCE_EPISODES} episodes, or first scores do not vary"
        )
    sd = sample["sd_of_first_scores"]
    used = {"sd": sd, "sd_source": "all first scores of this installation"}
    return used | asdict(LinearIndex(1 / sd, -1 / sd))


_BUILDERS = {
    "points": _of_points,
    "jacobson_truax": _of_jacobson_truax,
    "edwards_nunnally": _of_mean(edwards_nunnally),
    "gulliksen_lord_novick": _of_mean(gulliksen_lord_novick),
    "hageman_arrindell": _of_hageman_arrindell,
    "percent_of_start": _of_percent,
    "effect_size": _of_effect_size,
    "reliable_trend": _of_reliable_trend,
}
