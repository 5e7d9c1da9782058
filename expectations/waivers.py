"""Waivers: findings that a person has looked at and accepts for a while, read from
config/waivers.yml.

A waiver changes what a finding counts for in grades, reports and the gate. It never loads a row
that a rule holds back, and never a rejected file: for that, change the rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from expectations.catalogue import RULES, Catalogue, TableName
from transforms.errors import ConfigError

WAIVERS = RULES.with_name("waivers.yml")
LONGEST = timedelta(days=180)
EVERY_CLINIC = "all"
_REMEDY = "See the comment at the top of the file"


class Waiver(BaseModel):
    """One accepted finding. Both days belong to its time."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    rule: str = Field(description="Id of a rule of config/rules.yml")
    clinic: str = Field(description="A clinic's id, or all")
    table: TableName | None = Field(default=None, description="Only this canonical table")
    file: str | None = Field(default=None, description="Only this file, named as delivered")
    column: str | None = Field(default=None, description="Only rows marked at this column")
    who: str = Field(min_length=2, description="Who decided")
    why: str = Field(min_length=10, description="Why it is right not to act")
    valid_from: date = Field(alias="from", description="First day")
    until: date = Field(description="Last day, at most 180 days after the first")
    accept_fatal: bool = Field(
        default=False,
        description="Needed for a fatal rule: the file stays out and the finding counts no more",
    )

    @model_validator(mode="after")
    def _time_is_limited(self) -> Waiver:
        if self.until < self.valid_from:
            raise ValueError("until lies before from")
        if self.until - self.valid_from > LONGEST:
            raise ValueError(f"until lies more than {LONGEST.days} days after from")
        return self

    def is_active(self, on: date) -> bool:
        """Return whether the waiver counts on a day."""
        return self.valid_from <= on <= self.until

    def is_expired(self, on: date) -> bool:
        """Return whether its time is over."""
        return self.until < on

    @property
    def scope(self) -> str:
        """What the waiver is about, in words."""
        clinic = "all clinics" if self.clinic == EVERY_CLINIC else self.clinic
        parts = (("table", self.table), ("file", self.file), ("column", self.column))
        return ", ".join([clinic, *(f"{kind} {value}" for kind, value in parts if value)])

    def covers(self, result: Mapping[str, Any], on: date) -> bool:
        """Return whether a rule result (clinic, file, table, rule) is waived on a day.

        A waiver of one column covers rows in quarantine, not the rule's result as a whole.
        """
        return (
            self.rule == result["rule_id"]
            and self.column is None
            and self.clinic in (EVERY_CLINIC, result["clinic_id"])
            and self.table in (None, result["table_name"])
            and self.file in (None, result["source_file"])
            and self.is_active(on)
        )


class Waivers(BaseModel):
    """All waivers, in the order of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    waivers: tuple[Waiver, ...] = ()


def load_waivers(path: Path, rules: Catalogue) -> tuple[Waiver, ...]:
    """Read and check the waivers; no file, no waivers.

    Raises
    ------
    ConfigError
        With the file, the line and the key.
    """
    if not path.exists():
        return ()
    try:
        document = YAML().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{path.name}:{line}", f"not valid YAML ({error.problem})", "Check the indentation"
        ) from None
    try:
        loaded = Waivers.model_validate(document or {"waivers": []})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _refusal(path, document, first["loc"], first["msg"]) from None
    for number, waiver in enumerate(loaded.waivers):
        _check_rule(path, document, number, waiver, rules)
    return loaded.waivers


def waivers_schema() -> str:
    """Return the text of config/schema/waivers.schema.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Waivers.model_json_schema(by_alias=True), indent=2) + "\n"


def _check_rule(path: Path, document: Any, number: int, waiver: Waiver, rules: Catalogue) -> None:
    rule = rules.rule(waiver.rule)
    if rule is None:
        raise _refusal(path, document, ("waivers", number, "rule"), "no such rule in rules.yml")
    if rule.severity == "fatal" and not waiver.accept_fatal:
        what = f"{rule.id} is fatal; say accept_fatal: true if the file may stay out unnoticed"
        raise _refusal(path, document, ("waivers", number, "rule"), what)


def _refusal(path: Path, document: Any, keys: tuple[Any, ...], what: str) -> ConfigError:
    """Name the innermost key that stands in the file, with its line."""
    line, node = 1, document
    for key in keys:
        try:
            line = (node.lc.item(key) if isinstance(key, int) else node.lc.key(key))[0] + 1
            node = node[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    shown = ".".join(str(key + 1) if isinstance(key, int) else key for key in keys)
    what = what.removeprefix("Value error, ")
    return ConfigError(f"{path.name}:{line}", f"{shown}: {what}" if shown else what, _REMEDY)
