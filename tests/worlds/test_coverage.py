"""What the recorded runs say of the models of the within-client effect, and that they still do."""

import json

import pytest
from scipy.stats import binom

from tests.worlds.coverage import DIRECTIONS, FURTHER, PAGE, RESULT, WORLDS, covered, table_of

KEPT = json.loads(RESULT.read_text(encoding="utf-8"))
# Where a model is right by what it assumes; elsewhere its page says by how much it is not.
RIGHT = {
    "dynamic_panel": ("no effect", "effect", "feedback", "short series", "clinics differ in level"),
    "client_trends": (*WORLDS, "clinics differ in level"),
}


def least_held(n: int) -> float:
    """The share that 95 % intervals fall short of once in a thousand runs of n."""
    return float(binom.ppf(0.001, n, 0.95)) / n


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("model", "world"), [(model, world) for model, worlds in RIGHT.items() for world in worlds]
)
def test_kept_intervals_hold_the_truth_where_the_model_is_right(model, world, direction):
    found = KEPT["worlds"][f"{world}: {direction}"][model]

    assert found["n"] == KEPT["seeds"] >= 200
    assert found["coverage"] >= least_held(found["n"])
    assert abs(found["bias"]) < 4 * found["monte_carlo_error"]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_usual_model_is_as_wrong_as_its_page_says(direction):
    trends = KEPT["worlds"][f"client trends: {direction}"]["within"]
    short = KEPT["worlds"][f"short series: {direction}"]["within"]

    assert trends["coverage"] < 0.2
    assert short["bias"] < -0.02


@pytest.mark.parametrize("world", [*WORLDS, *FURTHER])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_sentence_about_a_direction_is_seldom_wrong(world, direction):
    """Three models side by side: wrong in fewer than 2.5 % of networks, whatever the world."""
    assert KEPT["worlds"][f"{world}: {direction}"]["agreement"]["wrong sentence"] < 0.025


def test_the_methods_page_shows_what_was_kept():
    assert table_of(KEPT) in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("world", WORLDS)
def test_two_hundred_other_seeds_say_the_same(world, direction):
    found = covered(WORLDS[world], direction, range(1000, 1200))

    for model, worlds in RIGHT.items():
        if world in worlds:
            assert found[model]["coverage"] >= least_held(200), model
    assert found["agreement"]["wrong sentence"] < 0.03
