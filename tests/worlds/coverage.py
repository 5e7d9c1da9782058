"""How often do the models of the within-client effect hold what was planted, in five worlds?

``nice python -m tests.worlds.coverage 200`` writes tests/worlds/coverage.json, which
docs/methods/within-client-effect.md and the parity book show. The estimators are handed the
pairs of a made-up network (tests/worlds/networks.py); no files, readers or SQL.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.worlds.networks import SessionPairs, World, network, session_pairs
from transforms.common_factors.symptom_lag import Models, lag_models
from transforms.statistics.estimate import Estimate

RESULT = Path(__file__).with_name("coverage.json")
EFFECT, FEEDBACK, TREND = 0.25, 0.4, 0.15
WORLDS = {
    "no effect": World(),
    "effect": World(effect=EFFECT),
    "feedback": World(feedback=FEEDBACK),
    "client trends": World(client_trend=TREND),
    "short series": World(effect=EFFECT, feedback=FEEDBACK, sessions=(6, 6)),
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
            for name, world in WORLDS.items()
            for direction in DIRECTIONS
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
