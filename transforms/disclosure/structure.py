"""The declared structure of the public tables: config/disclosure.yml, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from transforms.errors import ConfigError

FILE = "disclosure.yml"
SCOPE = ("scope_level", "scope_id")
_TERM = re.compile(r"(~?)(\w+)(?:\{([\w, ]*)\})?(?:\[([^\]]*)\])?")


class Strict(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Policy(Strict):
    """What the site hides, and how coarse what it shows is."""

    threshold: int = Field(11, ge=2, description="Counts from 1 to one less are hidden")
    zero: Literal["shown", "hidden"] = Field("shown", description="Whether a count of 0 is shown")
    base: int = Field(5, ge=1, description="Shown counts are multiples of it; 1: exact")
    fewest_therapists: int = Field(
        2, ge=1, description="A row of fewer therapists is hidden: it is about one person"
    )
    at_latest_days: int = Field(
        92, ge=1, description="A row that changed less than the threshold is replaced after these"
    )

    @property
    def smallest(self) -> int:
        """The smallest count that is hidden."""
        return 0 if self.zero == "hidden" else 1

    def is_small(self, count: float) -> bool:
        """Return whether this count may not be shown."""
        return self.smallest <= count < self.threshold


class Term(Strict):
    """One count of a sum: a column, or with ``~`` a count that nobody publishes.

    ``[column=value]`` reads it in another row of the same table and scope; ``{columns}`` are the
    columns by which an unpublished count differs from row to row.
    """

    name: str
    is_unpublished: bool = False
    by: tuple[str, ...] | None = None
    at: Mapping[str, str] = {}

    @classmethod
    def read(cls, text: str) -> Term:
        """Read ``n_events[metric=recovered]`` or ``~candidates{curve}``."""
        found = _TERM.fullmatch(text.strip())
        if not found:
            raise ValueError(
                f"{text.strip()!r} is no count: write name, ~name{{keys}}, name[key=value]"
            )
        tilde, name, by, at = found.groups()
        own = None if by is None else tuple(key.strip() for key in by.split(",") if key.strip())
        return cls(name=name, is_unpublished=bool(tilde), by=own, at=_pairs(at))


class CountSum(Strict):
    """What adds up: ``when metric=share: n_episodes = n_events + ~others``."""

    when: Mapping[str, str] = {}
    terms: tuple[tuple[int, Term], ...]

    @model_validator(mode="before")
    @classmethod
    def _read(cls, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        head, _, rest = text.rpartition(": ")
        if rest.count("=") - rest.count("[") < 1 or " = " not in rest:
            raise ValueError(f"{text!r} has no ' = '")
        left, right = rest.split(" = ")
        terms = [(1, Term.read(each)) for each in left.split(" + ")]
        terms += [(-1, Term.read(each)) for each in right.split(" + ")]
        return {"when": _pairs(head.removeprefix("when ")), "terms": terms}


class Curve(Strict):
    """A share that grows from row to row, with what tells of a point how many it is of."""

    along: str = Field(description="The key that tells the points of one curve apart")
    at_risk: str
    left: str = Field(description="How many left up to the point")


class Statistic(Strict):
    """Columns that are computed from counts, and to what they are rounded.

    One of: ``share`` (recomputed from the published counts, with Wilson's interval), ``interval``
    (rounded to what one person can move, from the width of the interval), ``span`` (the same for a
    bounded number), ``curve`` (a share that many rows tell step by step: as many persons as the
    threshold move it, and no point is told that would tell of fewer).
    """

    columns: tuple[str, ...]
    of: tuple[Term, ...] = Field((), description="Counts it is hidden with, beside the base")
    when: Mapping[str, str] = {}
    share: tuple[str, ...] | None = Field(None, description="The part, then what makes the whole")
    percent: bool = False
    interval: tuple[str, str] | None = None
    span: float | None = None
    curve: Curve | None = None
    no_effect: float | None = Field(
        None, description="On whose sides clinics disagree; 0, or 1 for a ratio"
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, content: Any) -> Any:
        return _with_terms(content, "of")

    @model_validator(mode="after")
    def _one_way(self) -> Statistic:
        ways = [self.share is not None, self.interval is not None, self.span is not None]
        if sum(ways) + (self.curve is not None) != 1:
            raise ValueError(f"{self.columns[0]}: say one of share, interval, span, curve")
        return self


class Table(Strict):
    """One public table."""

    keys: tuple[str, ...]
    base: str = Field(description="How many persons, or their courses, a row is about")
    counts: tuple[str, ...]
    family: tuple[str, ...] = Field((), description="Keys whose rows are replaced together")
    sums: tuple[CountSum, ...] = ()
    scopes: tuple[Term, ...] = Field((), description="What clinics add up to groups and to all")
    others_have_none: bool = Field(
        False, description="Whether a clinic without a row has no candidates either"
    )
    statistics: tuple[Statistic, ...] = ()
    left_out_count: str | None = Field(None, description="Count of who is not in the row's base")
    fewest_therapists: int | None = Field(None, description="More than the policy asks of a row")
    disagreement: str | None = Field(None, description="Whether clinics lie on both sides")
    reasons: str | None = Field(None, description="A text of reasons with counts; kept: reasons")
    said: tuple[str, ...] = Field((), description="Words and constants that tell no count")
    with_estimate: tuple[str, ...] = Field((), description="Words that go with the statistics")
    staff: tuple[str, ...] = Field((), description="Counts of therapists, shown with the base")
    left_out: tuple[str, ...] = Field((), description="Columns that are not public")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, content: Any) -> Any:
        return _with_terms(content, "scopes")

    @property
    def public_columns(self) -> list[str]:
        """Every column a reader gets."""
        return [column for column in self.roles if column not in self.left_out]

    @cached_property
    def roles(self) -> dict[str, str]:
        """Every column with its role; a column in two is an error of the file."""
        found: dict[str, str] = dict.fromkeys((*SCOPE, *self.keys), "key")
        for role in ("counts", "staff", "said", "with_estimate", "left_out"):
            for column in getattr(self, role):
                if column in found:
                    raise ValueError(f"{column} has two roles, {found[column]} and {role}")
                found[column] = role
        for statistic in self.statistics:
            for column in statistic.columns:
                if found.setdefault(column, "statistic") != "statistic":
                    raise ValueError(f"{column} has two roles, {found[column]} and statistic")
        for role in ("reasons", "disagreement"):
            if column := getattr(self, role):
                found[column] = role
        return found


class Structure(Strict):
    """The whole file."""

    policy: Policy = Policy()
    everywhere: Mapping[str, Any] = {}
    tables: Mapping[str, Table]
    not_public: Mapping[str, str] = Field({}, description="Tables left out, and why")
    beside: tuple[str, ...] = Field((), description="Reference tables copied as they are")
    clinic_reference: Mapping[str, tuple[str, ...]] = Field(
        {},
        description="The same for a clinic's own file, and which counts are hidden there if small",
    )

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, content: Any) -> Any:
        """Give every table what `everywhere` says, where it does not speak for itself."""
        if not isinstance(content, Mapping) or not isinstance(content.get("tables"), Mapping):
            return content
        common = content.get("everywhere", {})
        tables = {name: _merged(common, own) for name, own in content["tables"].items()}
        return {**content, "tables": tables}


def _merged(common: Mapping[str, Any], own: Any) -> Any:
    if not isinstance(own, Mapping) or own.get("plain"):
        return {k: v for k, v in own.items() if k != "plain"} if isinstance(own, Mapping) else own
    merged = {**own}
    for role, columns in common.items():
        is_list = isinstance(columns, list)
        merged[role] = [*columns, *own.get(role, [])] if is_list else own.get(role, columns)
    return merged


def read_structure(text: str) -> Structure:
    """Read config/disclosure.yml.

    Raises
    ------
    ConfigError
        Not YAML, or a key that says what it may not; says which.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        structure = Structure.model_validate(YAML(typ="safe").load(text))
        for name, table in structure.tables.items():
            _check(name, table)
    except YAMLError as error:
        raise ConfigError(FILE, "is no YAML", "Mend the line the message names") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(FILE, f"{place}: {first['msg']}", "See docs/disclosure.md") from None
    return structure


def _check(name: str, table: Table) -> None:
    try:
        roles = table.roles
    except ValueError as error:
        raise ConfigError(FILE, f"{name}: {error}", "Name each column once") from None
    named = [t.name for each in table.sums for _, t in each.terms if not t.is_unpublished]
    named += [t.name for t in table.scopes if not t.is_unpublished]
    named += [table.base] + [c for s in table.statistics for c in s.share or ()]
    named += [term.name for s in table.statistics for term in s.of]
    named += [table.left_out_count] if table.left_out_count else []
    for column in named:
        if roles.get(column) != "counts":
            raise ConfigError(FILE, f"{name}: {column} is named as a count", "List it in counts")


def holds(when: Mapping[str, str], row: Mapping[str, Any]) -> bool:
    """Return whether a row has the values a condition names, ``a|b`` being either."""
    return all(written(row[key]) in value.split("|") for key, value in when.items())


def written(value: Any) -> str:
    """Return a key's value as the file writes it; nothing for NULL."""
    return "" if value is None else str(value)


def _with_terms(content: Any, key: str) -> Any:
    """Read a list of counts; what is no mapping is refused elsewhere."""
    if not isinstance(content, Mapping) or key not in content:
        return content
    return {**content, key: [Term.read(x) if isinstance(x, str) else x for x in content[key]]}


def _pairs(text: str | None) -> dict[str, str]:
    return dict(pair.strip().split("=", 1) for pair in (text or "").split(",") if pair.strip())
