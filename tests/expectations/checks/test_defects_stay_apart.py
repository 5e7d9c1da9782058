"""Each defect in an otherwise sound delivery makes its own rule fail, and no other by accident."""

import pytest

from expectations.catalogue import load_rules
from expectations.verdicts import state_of
from tests.expectations import defects, defects_of_conduct
from transforms.contract import TABLES

RULES = load_rules()
# A quarantined or missing row takes along what refers to it (referential closure).
CLOSURE = {"S02", "N01", "E13"}
# Rules that look at the same fact from another side, by the rule that is broken.
COMPANIONS = {
    # All sessions on one later day: outside the episode, and the forms before the first of them.
    "F08": {"N03", "N04", "N12", "S22", "S25"},
    # The fifty forms are alike, and follow no session.
    "S06": {"S18", "S22", "S41"},
    "S41": {"S18", "S22"},
    "S18": {"S21", "S22", "S25"},
    # Forms in March, long after the client's last session.
    "S31": {"S17", "S21", "S22", "S25"},
    "S28": {"S21"},
    # Only their client or session is another one's.
    "S02": {"S22"},
    "S25": {"S22"},
    "N04": {"N09"},
    "N05": {"E04", "N02", "S22", "S25"},
    "N08": {"S22", "S25"},
    "N01": {"S22", "S25"},
    "E01": {"N04"},
    "E02": {"E05"},
    # An end that is none leaves the episode open, long after its last session.
    "E20": {"E05"},
    # The therapist's only period is wrong, so it does not hold the sessions either.
    "T04": {"N11"},
    # Too few items are answered: that is how the score goes, and why the clinic's total differs.
    "S35": {"S12"},
    "S37": {"S13"},
}
FIRST_OF = {}
for case in defects.BREAKS + defects_of_conduct.BREAKS:
    FIRST_OF.setdefault(case[0], case[1])


@pytest.mark.parametrize("rule_id", FIRST_OF)
def test_a_defect_breaks_its_rule_and_no_other(delivery, rule_id):
    """The whole catalogue looks at the same delivery."""
    FIRST_OF[rule_id](delivery)

    delivery.mark(RULES)

    assert rule_id in delivery.failing()
    assert set(delivery.failing()) - {rule_id} <= CLOSURE | COMPANIONS.get(rule_id, set())


def test_companions_are_rules_of_the_catalogue():
    named = CLOSURE.union(COMPANIONS, *COMPANIONS.values())

    assert named <= {rule.id for rule in RULES.rules if rule.table in (*TABLES, "any")}


def test_a_sound_delivery_fails_no_rule_and_has_most_of_them_in_scope(delivery):
    """A clean clinic shows no failure; an empty scope would not show one either."""
    delivery.mark(RULES)

    states = [
        state_of(c["n_scope"], c["n_failed"], RULES.rule(c["rule_id"]).threshold, c["error"])
        for c in delivery.counts
    ]
    assert set(states) == {"pass", "not_applicable"}
    assert states.count("pass") > states.count("not_applicable")
