"""The rule catalogue as a file people edit."""

import re

import pytest
import yaml

from docs_build.check_pages import pages
from expectations.catalogue import RULES, load_rules
from expectations.verdicts import state_of
from transforms.contract import TABLES
from transforms.errors import ConfigError

CATALOGUE = load_rules()


@pytest.fixture
def edited(tmp_path):
    """Return a function that writes the catalogue with one rule edited, and its path."""

    def write(rule_id, **changes):
        document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        rule = next(rule for rule in document["rules"] if rule["id"] == rule_id)
        for key, value in changes.items():
            rule.pop(key) if value is None else rule.update({key: value})
        path = tmp_path / "rules.yml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"severity": "bad"}, r"^rules\.yml: rule S04 \(number \d+\), key severity: "),
        ({"threshold": 1.5}, r"rule S04 \(number \d+\), key threshold"),
        ({"why": None}, r"rule S04 \(number \d+\), key why"),
        ({"colour": "red"}, r"rule S04 \(number \d+\), key colour"),
        ({"checks": []}, r"rule S04 \(number \d+\), key checks"),
        (
            {"valid_from": "2026-02-01", "valid_to": "2026-01-31"},
            r"rule S04 \(number \d+\), key the rule: .*valid_to lies before valid_from",
        ),
        ({"checks": [{"kind": "magic"}]}, r"rule S04 \(number \d+\), key checks"),
        ({"listed": False}, r"rule S04 \(number \d+\), key the rule: .*must list them"),
        (
            {"checks": [{"kind": "allowed_values", "column": "mode"}]},
            r"rule S04, key column: mode: no closed set .*Use one of: rater",
        ),
        (
            {
                "checks": [
                    {
                        "kind": "where",
                        "breaks": [{"where": "true", "column": "colour", "reason": "x"}],
                    }
                ]
            },
            r"rule S04, key column: colour: no such column",
        ),
    ],
)
def test_a_wrong_rule_is_named_with_file_rule_and_key(edited, changes, message):
    """Who edits the catalogue finds the line without reading Python."""
    path = edited("S04", **changes)

    with pytest.raises(ConfigError, match=message):
        load_rules(path)


def test_a_catalogue_without_rules_is_refused(tmp_path):
    """It would pass everything."""
    path = tmp_path / "rules.yml"
    path.write_text("rules: []\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="holds no rule"):
        load_rules(path)


def test_an_id_used_twice_is_refused(edited):
    path = edited("S05", id="S04")

    with pytest.raises(ConfigError, match="rule ids used twice: S04"):
        load_rules(path)


def test_broken_yaml_names_its_line(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text("rules:\n  - id: [", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"rules\.yml line \d+: not valid YAML"):
        load_rules(path)


@pytest.mark.parametrize("rule", CATALOGUE.rules, ids=lambda rule: rule.id)
def test_a_page_says_what_a_qa_lead_asks(rule):
    page = pages(CATALOGUE)[f"{rule.id}.md"]

    for heading in ("Why", "What goes wrong otherwise", "How it is counted", "What to do", "Query"):
        assert f"\n## {heading}\n" in page
    assert rule.denominator in page
    assert page.split("## Query")[1].strip()


def test_no_rule_retypes_what_the_contract_or_the_registry_knows():
    """Closed sets, ranges and keys come from their one place."""
    text = RULES.read_text(encoding="utf-8")
    closed = {
        value
        for table in TABLES.values()
        for column in table.columns
        for value in column.values
        if len(column.values) > 3
    }

    listed = re.findall(r"not in \(([^)]*)\)", text)
    assert not any(len(set(re.findall(r"'(\w+)'", each)) & closed) > 2 for each in listed)
    # S08 is about the one item of the WSAS that may not apply.
    about_items = [rule.id for rule in CATALOGUE.rules if "item_1" in rule.model_dump_json()]
    assert about_items == ["S08"]


@pytest.mark.parametrize(
    ("n_scope", "n_failed", "threshold", "state"),
    [
        (100, 1, 0.01, "pass"),
        (100, 2, 0.01, "fail"),
        (3, 1, 0.0, "fail"),
        (3, 0, 0.0, "pass"),
        (10, 10, 1.0, "pass"),
        # 0.07 x 100 is 7.000000000000001 in binary, 0.29 x 100 is 28.999999999999996.
        (100, 7, 0.07, "pass"),
        (100, 29, 0.29, "pass"),
    ],
)
def test_a_threshold_is_the_largest_share_allowed(n_scope, n_failed, threshold, state):
    assert state_of(n_scope, n_failed, threshold, None) == state
