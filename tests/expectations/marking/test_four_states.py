"""For every kind of check: an engine that fails is an error, and no row is no pass."""

from __future__ import annotations

import pytest

from expectations.catalogue import Catalogue, load_rules
from expectations.checks.check import KINDS
from expectations.checks.finding import Finding
from expectations.verdicts import state_of
from transforms.contract import TABLES

RULES = load_rules()
OF_ROWS = [
    rule for rule in RULES.rules if rule.table in (*TABLES, "any") and not rule.is_about_file
]
FIRST_OF_KIND = {check.kind: rule for rule in reversed(OF_ROWS) for check in rule.checks}


def _states(delivery, rule) -> set[str]:
    return {
        state_of(count["n_scope"], count["n_failed"], rule.threshold, count["error"])
        for count in delivery.counts
        if count["rule_id"] == rule.id
    }


@pytest.mark.parametrize("kind", sorted(FIRST_OF_KIND))
def test_an_engine_that_cannot_run_is_an_error_and_not_bad_data(delivery, monkeypatch, kind):
    """A scope, or rows, that DuckDB cannot compute: of the rule, and of no other one beside it."""
    rule = FIRST_OF_KIND[kind]
    if KINDS[kind].counts_scope:
        impossible = Finding(None, "reason", "select cast('soon' as integer) from staged_responses")
        monkeypatch.setattr(KINDS[kind], "findings", lambda *_: [impossible])
    broken = rule.model_copy(update={"applies_to": "cast('soon' as integer) = file_id::integer"})
    other = RULES.rule("F09" if rule.id != "F09" else "F10")

    delivery.mark(Catalogue(rules=(broken, other)))

    assert _states(delivery, broken) == {"error"}
    assert "error" not in _states(delivery, other)
    assert not [mark for mark in delivery.marks if mark["rule_id"] == rule.id]


def test_tables_without_a_row_are_not_applicable_to_any_rule(delivery):
    """Five files with a header and nothing else."""

    def stage(table):
        path = delivery.folder / "staged" / table / "fempty-0.parquet"
        delivery._write(table, {}, path, "fempty")
        return [path]

    delivery._stage = stage
    delivery.mark()

    states = {rule.id: _states(delivery, rule) for rule in OF_ROWS}
    assert {
        rule_id: found for rule_id, found in states.items() if "not_applicable" not in found
    } == {}
    assert set().union(*states.values()) == {"not_applicable"}


@pytest.mark.parametrize(
    "kind", ["score_jump", "submitted_score", "underanswered_scores", "unscored_forms"]
)
def test_a_check_without_its_source_is_not_applicable(delivery, kind):
    """Rows there are, but no scores: nothing is in scope, so nothing passes."""
    rule = FIRST_OF_KIND[kind]

    delivery.mark(Catalogue(rules=(rule,)))

    assert _states(delivery, rule) == {"not_applicable"}
