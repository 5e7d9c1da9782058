"""What the common-factors page says of alliance and outcome, from rows made by hand."""

import pytest
from markupsafe import Markup

from reports.common_factors.alliance import DIRECTION, OUTCOME
from reports.drawing.wording import Row

PLACE = {
    "alliance_instrument_id": "wai_sr",
    "outcome_instrument_id": "phq9",
    "ci_level": 0.95,
    "n_clients": 120,
    "precision_label": "reportable",
    "not_estimable_reason": None,
    "clinics_disagree": None,
}


def plain(sentences):
    return Markup(" ").join(sentences).striptags()


def direction(agreement, estimate=0.4, way="alliance_to_symptom", parameter="dynamic_panel"):
    found = {
        "lag_direction": way,
        "parameter": parameter,
        "unit": "points of outcome per 10 alliance points of 100",
        "estimate": estimate,
        "ci_low": None if estimate is None else estimate - 0.3,
        "ci_high": None if estimate is None else estimate + 0.3,
        "agreement": agreement,
    }
    return Row(0, PLACE | found)


def test_where_models_agree_a_direction_is_named_with_its_size():
    said = plain(DIRECTION.say([direction("agree")]))

    assert "the next score is better, by all three models" in said
    assert "0.40 points of outcome per 10 alliance points of 100" in said
    assert "95 % interval 0.10 to 0.70, 120 clients" in said


def test_agreement_below_zero_is_worse():
    assert "the next score is worse" in plain(DIRECTION.say([direction("agree", estimate=-0.4)]))


def test_the_reverse_direction_speaks_of_the_alliance():
    said = plain(DIRECTION.say([direction("agree", way="symptom_to_alliance")]))

    assert "the alliance of that session is better" in said


@pytest.mark.parametrize(
    ("agreement", "words"),
    [("differ", "the models do not agree"), ("cannot_tell", "no model tells it from none")],
)
def test_where_they_do_not_no_direction_and_no_number_is_said(agreement, words):
    said = plain(DIRECTION.say([direction(agreement)]))

    assert words in said
    assert said.startswith("WAI-SR and PHQ-9: whether ")
    assert "0.40" not in said


def test_each_direction_is_said_once_and_hidden_ones_as_too_few():
    rows = [direction("agree", parameter=name) for name in ("within", "client_trends")]

    assert len(DIRECTION.say([*rows, direction("agree")])) == 1
    assert "too few clients" in plain(DIRECTION.say([direction(None, estimate=None)]))


def outcome(adjusted, low, high):
    found = {"adjusted_r": adjusted, "adjusted_r_ci_low": low, "adjusted_r_ci_high": high}
    found |= {"estimate": 0.3, "ci_low": 0.2, "ci_high": 0.4, "n_therapists": 12}
    return Row(0, PLACE | found)


def test_the_page_leads_with_what_early_change_does_not_explain():
    said = plain(OUTCOME.say([outcome(0.05, -0.05, 0.15)]))

    assert "PHQ-9: at equal last score before the alliance was rated, no clear link" in said
    assert "(r = 0.05, 95 % interval" in said
    assert "At equal first score, as most studies have it, r = 0.30." in said
    assert said.index("0.05") < said.index("0.30")


def test_without_an_adjusted_one_the_page_says_what_it_has():
    said = plain(OUTCOME.say([outcome(None, None, None)]))

    assert "at equal first score, clients who rated the early alliance higher ended better" in said
    assert "(r = 0.30" in said
