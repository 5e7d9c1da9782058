"""Where clinics lie on both sides of no effect, the sentence of the table says so."""

import pytest

from reports.common_factors import alliance, course, sources
from reports.drawing.wording import Row

NUMBER = {
    "estimate": 0.2,
    "ci_low": 0.1,
    "ci_high": 0.3,
    "ci_level": 0.95,
    "n_clients": 90,
    "precision_label": "reportable",
}
FORMS = {"alliance_instrument_id": "wai_sr", "outcome_instrument_id": "phq9"}
# What is said of a block's row, and what the row is called.
BLOCKS = {
    "alliance and outcome": (
        alliance.OUTCOME,
        {**FORMS, "adjusted_r": 0.1, "adjusted_r_ci_low": 0.0, "adjusted_r_ci_high": 0.2},
        "WAI-SR, PHQ-9, at equal first score",
    ),
    "which comes first": (
        alliance.DIRECTION,
        {**FORMS, "lag_direction": "alliance_to_symptom", "parameter": "dynamic_panel"}
        | {"agreement": "agree", "unit": "points of outcome per 10 alliance points of 100"},
        "alliance to symptom, WAI-SR, PHQ-9",
    ),
    "improvement by rupture": (
        alliance.RUPTURE_OUTCOME,
        {"detector": "rci_drop"}
        | {"instrument_id": "srs", "outcome_instrument_id": "phq9", "rupture_class": "unrepaired"},
        "PHQ-9, unrepaired",
    ),
    "odds of leaving": (course.DROPOUT_ODDS, {"alliance_instrument_id": "srs"}, "SRS"),
    "congruence": (course.CONGRUENCE, {"parameter": "bias"}, "bias"),
    "modalities": (
        sources.MODALITIES,
        {"modality": "cbt", "compared_modality": "integrative", "outcome_instrument_id": "phq9"}
        | {"margin": 0.2, "verdict": "equivalent", "confounding": None},
        "cbt − integrative, PHQ-9",
    ),
}


def sentences(block, facts, **more) -> str:
    return " ".join(map(str, block.say([Row(0, {**NUMBER, **facts, **more})])))


@pytest.mark.parametrize("name", BLOCKS)
def test_clinics_that_disagree_are_named_with_their_number(name):
    block, facts, label = BLOCKS[name]

    assert f"Clinics disagree ({label})" in sentences(block, facts, clinics_disagree=True)


@pytest.mark.parametrize("told", [False, None])
@pytest.mark.parametrize("name", BLOCKS)
def test_clinics_that_agree_or_are_not_compared_have_no_such_sentence(name, told):
    block, facts, _ = BLOCKS[name]

    assert "disagree" not in sentences(block, facts, clinics_disagree=told)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_query_asks_for_it(name):
    assert "clinics_disagree" in BLOCKS[name][0].sql


def test_a_hidden_number_has_nothing_to_disagree_about():
    block, facts, _ = BLOCKS["alliance and outcome"]

    assert "disagree" not in sentences(block, facts, estimate=None, clinics_disagree=True)


def test_where_the_models_differ_no_number_is_said_that_clinics_could_disagree_about():
    block, facts, _ = BLOCKS["which comes first"]

    told = sentences(block, {**facts, "agreement": "differ"}, clinics_disagree=True)

    assert "disagree" not in told
