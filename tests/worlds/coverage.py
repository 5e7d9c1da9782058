"""How often do the models of the within-client effect hold what was planted, world by world?

``nice python -m tests.worlds.coverage 200`` writes tests/worlds/coverage.json, which
docs/methods/within-client-effect.md and the parity book show. The estimators are handed the
pairs of a made-up network (tests/worlds/networks.py); no files, readers or SQL.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.worlds.networks import SessionPairs, World, network, session_pairs
from transforms.common_factors.symptom_lag import Models, lag_models
from transforms.statistics.estimate import Estimate

RESULT = Path(__file__).with_name("coverage.json")
PAGE = Path(__file__).parents[2] / "docs" / "methods" / "within-client-effect.md"
MARKS = ("<!-- worlds -->\n", "<!-- end of worlds -->")
EFFECT, FEEDBACK, TREND = 0.25, 0.4, 0.15
WORLDS = {
    "no effect": World(),
    "effect": World(effect=EFFECT),
    "feedback": World(feedback=FEEDBACK),
    "client trends": World(client_trend=TREND),
    "short series": World(effect=EFFECT, feedback=FEEDBACK, sessions=(6, 6)),
}
# What the data of clinics are like besides, with an effect planted.
FURTHER = {
    "clinics differ in level": World(effect=EFFECT, clinic_alliance=1.5, clinic_outcome=1.5),
    "missing by symptom": World(effect=EFFECT, missing=0.2, missing_by_symptom=1.0),
    "ceiling": World(effect=EFFECT, ceiling=0.3),
    "late first form": World(effect=EFFECT, late_first_form=0.5),
}
MODELS = ("within", "dynamic_panel", "client_trends")
DIRECTIONS = {"alliance_to_symptom": True, "symptom_to_alliance": False}


def rows_of(pairs: SessionPairs) -> dict[str, np.ndarray]:
    """Return the columns that int_cf_symptom_lag_sessions has of the pairs."""
    _, client = np.unique(pairs.client, return_inverse=True)
    sizes = np.bincount(client)

    def mean(column: np.ndarray) -> np.ndarray:
        return (np.bincount(client, weights=column) / sizes)[client]

    return {
        "clinic": pairs.clinic,
        "client_code": client,
        "therapist_code": pairs.therapist,
        "session_number": pairs.session,
        "predictor": pairs.predictor,
        "predictor_within": pairs.predictor - mean(pairs.predictor),
        "predictor_between": mean(pairs.predictor) - pairs.predictor.mean(),
        "last_score": pairs.last,
        "last_within": pairs.last - mean(pairs.last),
        "outcome": pairs.outcome,
    }


def models_of(world: World, seed: int, direction: str) -> Models:
    """Fit the three models to one network."""
    pairs = session_pairs(network(world, seed), is_forward=DIRECTIONS[direction])
    return lag_models(rows_of(pairs))


def slopes_of(models: Models) -> dict[str, Estimate]:
    """Return the slope of each model by its name."""
    found = (models.today.within, models.dynamic.slope, models.trends.slope)
    return dict(zip(MODELS, found, strict=True))


def truth_of(world: World, direction: str) -> float:
    """Return what is planted: the direct effect from one form to the next."""
    return world.effect if DIRECTIONS[direction] else world.feedback


def covered(world: World, direction: str, seeds: range) -> dict[str, dict[str, float]]:
    """Return per model mean bias, its Monte-Carlo error, coverage and width; and agreement.

    ``wrong sentence`` is the share of networks where the models agree on a side and the planted
    effect does not lie there.
    """
    truth, kept, agreements, wrong = truth_of(world, direction), {}, [], 0
    for seed in seeds:
        models = models_of(world, seed, direction)
        for name, slope in slopes_of(models).items():
            kept.setdefault(name, []).append(slope)
        agreements.append(models.agreement)
        side = np.sign(models.today.within.value or 0.0)
        wrong += bool(models.agreement == "agree" and side != np.sign(truth))
    result = {name: _tally(slopes, truth) for name, slopes in kept.items()}
    result["agreement"] = {
        **{word: agreements.count(word) / len(agreements) for word in sorted(set(agreements))},
        "wrong sentence": wrong / len(agreements),
    }
    return result


def _tally(slopes: list[Estimate], truth: float) -> dict[str, float]:
    found = np.array([slope.with_ends for slope in slopes if slope.with_ends])
    bias = found[:, 0] - truth
    return {
        "n": len(found),
        "truth": truth,
        "bias": round(float(bias.mean()), 4),
        "monte_carlo_error": round(float(bias.std(ddof=1) / np.sqrt(len(bias))), 4),
        "coverage": round(float(((found[:, 1] <= truth) & (truth <= found[:, 2])).mean()), 3),
        "half_width": round(float((found[:, 2] - found[:, 1]).mean() / 2), 4),
    }


def main() -> None:
    """Run the seeds and keep the result."""
    n_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    result = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"python -m tests.worlds.coverage {n_seeds}",
        "seeds": n_seeds,
        "clients": World().clinics * World().clients,
        "worlds": {
            f"{name}: {direction}": covered(world, direction, range(n_seeds))
            for name, world in (WORLDS | FURTHER).items()
            for direction in DIRECTIONS
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page(result)


def write_page(result: dict[str, Any]) -> None:
    """Put the result between the marks of the methods page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page = before + MARKS[0] + table_of(result) + MARKS[1] + after
    PAGE.write_text(page, encoding="utf-8")


def table_of(result: dict[str, Any]) -> str:
    """Return the result as a Markdown table: bias (coverage in percent) per world and model."""
    lines = [
        f"{result['seeds']} networks of {result['clients']} clients in four clinics each, "
        f"{result['date']}, `{result['command']}`. Bias, and how many of 100 intervals hold the "
        "truth; `agree`: networks of 100 in which all three lie on one side, in brackets those in "
        "which that side is wrong.",
        "",
        "| world, direction | truth | `within` | `dynamic_panel` | `client_trends` | `agree` |",
        "|---|---|---|---|---|---|",
    ]
    for place, found in result["worlds"].items():
        cells = [f"{found[m]['bias']:+.3f} ({100 * found[m]['coverage']:.0f})" for m in MODELS]
        said = found["agreement"]
        agree = f"{100 * said.get('agree', 0):.0f} ({100 * said['wrong sentence']:.1f})"
        name = ", ".join(place.replace("_", " ").split(": "))
        truth = f"{found['within']['truth']:.2f}"
        lines.append(f"| {' | '.join([name, truth, *cells, agree])} |")
    largest = max(
        found[model]["monte_carlo_error"] for found in result["worlds"].values() for model in MODELS
    )
    return "\n".join([*lines, "", f"Monte-Carlo error of a bias: {largest:.3f} at most.", ""])


if __name__ == "__main__":
    main()
