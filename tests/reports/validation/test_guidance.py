"""What to do fits the part of the rule that was broken."""

from __future__ import annotations

import re

import pytest

from expectations.catalogue import load_rules
from pipeline.home import REPOSITORY
from reports.validation.guidance import Guidance, advice, remedy
from reports.validation.tables import HeldRow
from tests.reports.validation.test_grades import check

CATALOGUE = load_rules(REPOSITORY / "config" / "rules.yml")
IN_PARTS = [rule for rule in CATALOGUE.rules if rule.remedies]
WORD = "is neither a number nor a declared missing code"
CODE = "a code for a missing answer, not declared as such"


def words(rule_id):
    rule = next(rule for rule in CATALOGUE.rules if rule.id == rule_id)
    return {rule_id: Guidance(rule.why, rule.remedy, rule.remedies)}


def row(rule_id, reason):
    return HeldRow(
        rule_id, "harbor", "a.csv", None, 2, "responses", "item_1", reason, "quarantine", None,
        None, "open",
    )  # fmt: skip


@pytest.mark.parametrize("rule", IN_PARTS, ids=lambda rule: rule.id)
def test_each_part_is_one_that_the_rule_can_give_as_reason(rule):
    """docs/checks/<rule>.md lists the reasons, generated from the predicates."""
    page = (REPOSITORY / "docs" / "checks" / f"{rule.id}.md").read_text("utf-8")
    reasons = re.search(r"- Numerator: (?:rows in scope: )?(.*)\.", page).group(1).split("; ")

    for part in rule.remedies:
        assert any(reason.startswith(part) for reason in reasons), part


def test_a_word_nobody_mapped_is_mapped_before_anything_is_declared_missing():
    told = remedy(row("S07", WORD), words("S07"))

    assert told.startswith("Map what the word means under values")
    assert told.index("under values") < told.index("missing_codes")
    assert remedy(row("S07", CODE), words("S07")).startswith("Declare the code")


def test_a_rule_says_what_to_do_for_the_reasons_there_are():
    _, one = advice(check("S07"), words("S07"), {WORD})
    _, both = advice(check("S07"), words("S07"), {WORD, CODE})
    _, none = advice(check("S07"), words("S07"))

    assert "Declare the code" not in one
    assert "Declare the code" in both
    assert "Map what the word means" in both
    assert none == next(rule.remedy for rule in CATALOGUE.rules if rule.id == "S07")
