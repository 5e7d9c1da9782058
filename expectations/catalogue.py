"""The rule catalogue: every promise a delivered row must keep, read from config/rules.yml.

Knows the form of a rule and nothing of SQL or Great Expectations; of its checks only what all
kinds share (expectations/checks). Ranges, closed sets, keys and references are not written in the
catalogue: a check takes them from transforms/contract.py and the instrument registry.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from expectations.checks.check import Strict
from expectations.checks.kinds import AnyCheck
from transforms.contract import TABLES
from transforms.errors import ConfigError

RULES = Path(__file__).resolve().parents[1] / "config" / "rules.yml"

TableName = Literal["responses", "sessions", "episodes", "clients", "therapists"]
# Read in every step; PyYAML's own scanner takes ten times as long as libyaml's.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Severity = Literal["fatal", "quarantine", "warn", "inform"]
# A row that breaks a rule of these severities does not reach the lake.
KEEPS_OUT: tuple[Severity, ...] = ("fatal", "quarantine")
# Kahn et al. 2016, eGEMs 4(1):1244, table 2.
Category = Literal[
    "conformance/value",
    "conformance/relational",
    "conformance/computational",
    "completeness",
    "plausibility/uniqueness",
    "plausibility/atemporal",
    "plausibility/temporal",
]


class Rule(Strict):
    """One rule. ``threshold`` is the share of the rows in scope above which it falls short."""

    id: str = Field(pattern=r"^[A-Z]\d\d$")
    table: TableName | Literal["any", "marts", "engine"]
    title: str = Field(max_length=90)
    category: Category
    severity: Severity
    threshold: float = Field(ge=0, le=1)
    denominator: str
    owner: str
    why: str
    downstream: str
    remedy: str
    remedies: dict[str, str] = Field(
        default_factory=dict,
        description="What to do for a part of the rule, by how the part's reason begins",
    )
    listed: bool = Field(
        default=True, description="false: rows are counted, not listed one by one in the marks"
    )
    applies_to: str = Field(default="true", description="SQL predicate: the rows in scope")
    valid_from: date | None = Field(
        default=None, description="First day of deliveries the rule is applied to; none: always"
    )
    valid_to: date | None = Field(default=None, description="Last such day; none: until further")
    checks: tuple[AnyCheck, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unlisted_rows_stay(self) -> Rule:
        if not self.listed and self.severity in KEEPS_OUT:
            raise ValueError("a rule that keeps rows out must list them (listed: true)")
        return self

    @model_validator(mode="after")
    def _validity_is_in_order(self) -> Rule:
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError("valid_to lies before valid_from")
        return self

    @property
    def keeps_out(self) -> bool:
        """True if a row that breaks the rule does not reach the lake."""
        return self.severity in KEEPS_OUT

    def is_in_force(self, day: date) -> bool:
        """Return True if the rule is applied to what is delivered on ``day``; both ends count."""
        return (self.valid_from or day) <= day <= (self.valid_to or day)

    @property
    def is_about_file(self) -> bool:
        """True if the rule is decided on the file as a whole, before its rows are looked at."""
        return any(check.is_about_file for check in self.checks)


class Catalogue(Strict):
    """All rules, in the order of the file."""

    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Catalogue:
        ids = [rule.id for rule in self.rules]
        repeated = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
        if repeated:
            raise ValueError(f"rule ids used twice: {', '.join(repeated)}")
        return self

    def in_force(self, day: date) -> tuple[Rule, ...]:
        """Return the rules that are applied to what is delivered on ``day``."""
        return tuple(rule for rule in self.rules if rule.is_in_force(day))

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule called ``rule_id``, or None."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def needed(self, rule_id: str) -> Rule:
        """Return the rule called ``rule_id``; ConfigError where the catalogue has none."""
        if (rule := self.rule(rule_id)) is None:
            raise ConfigError("rules.yml", f"has no rule {rule_id}", "Put it back, or disable it")
        return rule

    def of_table(self, table: str) -> tuple[Rule, ...]:
        """Return the rules that are about rows of ``table``, those for any table included."""
        return tuple(rule for rule in self.rules if rule.table in (table, "any"))


def load_rules(path: Path = RULES) -> Catalogue:
    """Read and validate the catalogue.

    Raises
    ------
    ConfigError
        Naming the file, the rule and the key that is wrong.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else "?"
        raise ConfigError(
            f"{path.name} line {line}", "not valid YAML", "Correct the indentation or the quotes"
        ) from None
    try:
        catalogue = Catalogue.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"{path.name}: {_place(document, first['loc'])}",
            f"{first['msg']} ({error.error_count()} problem(s) in the file)",
            "See config/schema/rules.schema.json for the keys of a rule",
        ) from None
    if not catalogue.rules:
        raise ConfigError(path.name, "holds no rule", "Take the file of the last release")
    _check_columns(catalogue, path.name)
    return catalogue


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema that editors use to check config/rules.yml."""
    schema = Catalogue.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _place(document: Any, location: tuple[Any, ...]) -> str:
    if len(location) < 2 or location[0] != "rules":
        return "the file"
    rule = document["rules"][location[1]]
    rule_id = rule.get("id", "?") if isinstance(rule, dict) else "?"
    keys = ".".join(str(part) for part in location[2:]) or "the rule"
    return f"rule {rule_id} (number {location[1] + 1}), key {keys}"


def _check_columns(catalogue: Catalogue, file_name: str) -> None:
    """Refuse columns that the contract of the rule's table does not have."""
    for rule in catalogue.rules:
        columns = TABLES[rule.table].columns if rule.table in TABLES else ()
        for check in rule.checks:
            allowed = [c.name for c in columns if c.values or not check.needs_closed_set]
            for column in check.columns:
                if column not in allowed:
                    what = "closed set" if check.needs_closed_set else "such column"
                    raise ConfigError(
                        f"{file_name}: rule {rule.id}, key column",
                        f"{column}: no {what} in the contract of {rule.table}",
                        f"Use one of: {', '.join(allowed) or 'none'}",
                    )
