"""Every rule of the catalogue finds the defect it is for, and leaves the edge alone."""

import pytest

from expectations.catalogue import Catalogue, load_rules
from tests.expectations import defects, defects_of_conduct
from transforms.contract import TABLES

BREAKS = defects.BREAKS + defects_of_conduct.BREAKS
KEEPS = defects.KEEPS + defects_of_conduct.KEEPS
RULES = load_rules()
# Decided elsewhere: by a reader, and over the marts (test_mart_suites).
ROW_RULES = [
    rule for rule in RULES.rules if rule.table in (*TABLES, "any") and not rule.is_about_file
]


def _only(rule_id):
    """The catalogue with one rule: what it finds, no other rule can have found."""
    return Catalogue(rules=(RULES.rule(rule_id),))


def _ids(cases):
    return [f"{case[0]}-{number}" for number, case in enumerate(cases)]


def test_a_sound_delivery_breaks_no_rule(delivery):
    """A rule that fires here would fire everywhere."""
    delivery.mark()

    assert delivery.failing() == []
    assert delivery.marks == []


@pytest.mark.parametrize(("rule_id", "change", "expected"), BREAKS, ids=_ids(BREAKS))
def test_a_rule_finds_its_defect(delivery, rule_id, change, expected):
    """The rule counts the row as failed and marks the column; with None, any marks do."""
    change(delivery)

    delivery.mark(_only(rule_id))

    assert delivery.count(rule_id)[1] > 0
    if expected is not None:
        assert delivery.marked(rule_id) == sorted(expected, key=str)


@pytest.mark.parametrize(("rule_id", "change"), KEEPS, ids=_ids(KEEPS))
def test_a_rule_leaves_the_edge_alone(delivery, rule_id, change):
    """The last value that is still allowed is in scope and passes."""
    change(delivery)

    delivery.mark(_only(rule_id))

    n_scope, n_failed = delivery.count(rule_id)
    assert n_scope > 0
    if rule_id != "F08":
        assert n_failed == 0


def test_twenty_nine_forms_are_too_few_to_tell_a_wrong_coding(delivery):
    """Thirty of them fail S41, see BREAKS; fewer are not in scope."""
    defects.forms_of("wai_s", 29, defects.up_to_five)(delivery)

    delivery.mark(_only("S41"))

    assert delivery.count("S41") == (0, 0)


@pytest.mark.parametrize("rule", ROW_RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_case_that_breaks_it_and_one_that_does_not(rule):
    """A rule without a defect of its own was never seen to work."""
    assert rule.id in {case[0] for case in BREAKS}
    assert rule.id in {case[0] for case in KEEPS}


def test_the_cases_are_about_rules_of_the_catalogue():
    assert {case[0] for case in BREAKS + KEEPS} <= {rule.id for rule in RULES.rules}
