"""A kind of check is one class: what it is told, its SQL, and nothing else to touch."""

from typing import Literal

import pytest
import yaml
from pydantic import Field

from docs_build.check_pages import pages
from expectations.catalogue import RULES, json_schema, load_rules
from expectations.checks.check import KINDS, Check
from expectations.checks.finding import PLACE, Finding, Sources, rows_of
from transforms.errors import ConfigError


@pytest.fixture
def made_up():
    """A kind that no module of the project knows."""

    class CrowdedDay(Check):
        """No therapist holds more than ``most`` sessions on one day."""

        kind: Literal["crowded_day"]
        most: int = Field(ge=1)

        def findings(self, sources: Sources) -> list[Finding]:
            rows = f"""
            select {PLACE} from {rows_of(sources.staged)} where {sources.in_scope}
            qualify count(*) over (partition by therapist_key, session_at::date) > {self.most}
            """
            return [Finding("session_at", f"one of more than {self.most} on the day", rows)]

    yield CrowdedDay
    del KINDS["crowded_day"]


@pytest.fixture
def catalogue(tmp_path):
    """Return a function that reads a catalogue of one rule, about sessions and of that kind."""

    def read(**told):
        document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        rule = next(rule for rule in document["rules"] if rule["table"] == "sessions")
        rule |= {"id": "Z99", "applies_to": "true", "checks": [{"kind": "crowded_day"} | told]}
        path = tmp_path / "rules.yml"
        path.write_text(yaml.safe_dump({"rules": [rule]}), encoding="utf-8")
        return load_rules(path)

    return read


def test_a_made_up_kind_is_read_from_yaml(made_up, catalogue):
    assert catalogue(most=2).rule("Z99").checks == (made_up(kind="crowded_day", most=2),)


@pytest.mark.parametrize(
    ("told", "key"),
    [({"most": 0}, r"checks\.0\.crowded_day\.most"), ({"least": 1}, r"checks\.0\.crowded_day")],
)
def test_a_wrong_key_of_a_made_up_kind_is_named(made_up, catalogue, told, key):
    with pytest.raises(ConfigError, match=rf"rule Z99 \(number 1\), key {key}"):
        catalogue(**told)


@pytest.mark.parametrize(("most", "marked"), [(1, ["s1", "s2"]), (2, [])])
def test_a_made_up_kind_marks_rows(made_up, catalogue, delivery, most, marked):
    """Two sessions of one therapist on a day: more than one, not more than two."""
    day = delivery.rows["sessions"]["s1"]["session_at"]
    delivery.change("sessions", "s2", session_at=day.replace(hour=15))

    delivery.mark(catalogue(most=most))

    assert delivery.marked("Z99") == [(row, "session_at") for row in marked]
    assert delivery.count("Z99") == (4, len(marked))


def test_a_made_up_kind_is_in_the_schema(made_up):
    schema = json_schema()

    assert schema["$defs"]["CrowdedDay"]["required"] == ["kind", "most"]
    checks = schema["$defs"]["Rule"]["properties"]["checks"]["items"]
    assert checks["discriminator"]["mapping"]["crowded_day"] == "#/$defs/CrowdedDay"
    assert {"$ref": "#/$defs/CrowdedDay"} in checks["oneOf"]


def test_a_made_up_kind_has_words_and_query_on_the_page_of_its_rule(made_up, catalogue):
    page = pages(catalogue(most=2))["Z99.md"]

    assert "- Numerator: rows in scope: one of more than 2 on the day.\n" in page
    assert "-- one of more than 2 on the day\nselect file_id, source_line, row_key from" in page
    assert "qualify count(*) over (partition by therapist_key, session_at::date) > 2\n" in page


def test_two_classes_cannot_declare_one_kind():
    """The second would take the rules of the first."""
    with pytest.raises(TypeError, match="two classes declare the kind where"):
        type("Again", (Check,), {"__annotations__": {"kind": Literal["where"]}})


def test_every_kind_has_a_rule():
    """What no rule asks for is neither kept right nor missed."""
    assert {check.kind for rule in load_rules().rules for check in rule.checks} == set(KINDS)
