"""The parts a questionnaire definition is made of, each value with its provenance.

Shape only: what the parts must fulfil together is in ``consistency``. Item numbers,
ranges and keys, never the wording of an item.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from transforms.errors import DefinitionError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Operator = Literal["<", "<=", ">", ">="]
Evidence = Literal["verified", "from_memory", "derived"]
Confidence = Literal["hi", "med", "lo"]
Family = Literal[
    "alliance",
    "outcome",
    "empathy",
    "core_condition",
    "session",
    "rupture",
    "goal",
    "attachment",
    "countertransference",
    "other",
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sourced(Part):
    """A value with its provenance.

    ``verified`` was read in the named source, ``from_memory`` is recalled from the cited work
    (with how sure we are), ``derived`` is computed from stated inputs.
    """

    source: Text
    evidence: Evidence
    confidence: Confidence | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _say_how_sure(self) -> Sourced:
        if (self.evidence == "from_memory") != (self.confidence is not None):
            raise DefinitionError(
                "confidence",
                "is given for evidence from memory, and only for that",
                "Write confidence: hi, med or lo beside evidence: from_memory, else remove it",
            )
        return self


class OptionalItem(Part):
    """An item some exports append, such as PHQ-9's difficulty question. Never scored."""

    item: int = Field(ge=1)
    min: float
    max: float


class Items(Sourced):
    """The answer grid: how many items, which answers are possible, which are reversed."""

    n: int = Field(ge=1, le=500)
    min: float
    max: float
    step: float = Field(default=1, gt=0)
    allowed: tuple[float, ...] = Field(default=(), description="Where answers are not a grid")
    reverse: tuple[int, ...] = Field(default=(), description="Scored as min + max - answer")
    unscored: tuple[int, ...] = Field(default=(), description="Asked, but in no scale")
    not_applicable: tuple[int, ...] = Field(
        default=(), description="Unanswered means not applicable: left out, not prorated"
    )
    uncertain: tuple[int, ...] = Field(default=(), description="Key not checked against its author")
    optional: tuple[OptionalItem, ...] = ()

    @property
    def n_columns(self) -> int:
        """Item columns an export may have: the items and the optional ones after them."""
        return max((item.item for item in self.optional), default=self.n)


class MissingRule(Part):
    """What happens to a scale when answers are missing. Default: no score.

    * person_mean: the mean of the answered items stands in for each missing one
    * person_mean_rounded_subscale: the same, rounded half up to a whole answer
    * proportional_rounded: sum x items / answered, rounded to a whole score
    """

    method: Literal[
        "none", "person_mean", "person_mean_rounded_subscale", "proportional_rounded"
    ] = "none"
    max_missing: int = Field(default=0, ge=0)
    source: Text | None = None
    evidence: Evidence | None = None
    confidence: Confidence | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> MissingRule:
        prorates = self.method != "none"
        if prorates != (self.max_missing > 0):
            raise DefinitionError(
                "max_missing",
                f"is {self.max_missing} with method {self.method}",
                "Give a method and how many items may be missing, or neither",
            )
        if prorates and not (self.source and self.evidence):
            raise DefinitionError(
                "source",
                "a rule for missing answers has no source",
                "Name the manual or paper and the evidence, or let a missing answer give no score",
            )
        return self


class Cutoff(Sourced):
    """A score is a case when ``score <operator> value``."""

    value: float
    operator: Operator
    population: Text
    is_headline: bool = False


class ReliableChange(Sourced):
    """Points of change that are more than error: reliable when ``change <operator> value``."""

    value: float = Field(gt=0)
    operator: Literal[">", ">="]
    method: Literal["jacobson_truax", "published_points", "minimal_important_difference"]
    ci: float | None = Field(default=None, gt=0.5, lt=1)
    sd: float | None = Field(default=None, gt=0)
    reliability: float | None = Field(default=None, gt=0, lt=1)
    is_headline: bool = False


class NhsTalkingTherapies(Sourced):
    """Caseness and reliable change as NHS Talking Therapies counts them."""

    cutoff_value: float
    cutoff_operator: Operator
    rc_value: float | None = Field(default=None, gt=0)
    rc_operator: Literal[">", ">="] | None = None


class Band(Part):
    """One severity band, both ends included."""

    label: Text
    low: float
    high: float


class BandSet(Sourced):
    """Bands that tile the range of a scale. ``step`` is the distance from one to the next."""

    step: float = Field(default=1, gt=0)
    levels: tuple[Band, ...] = Field(min_length=2)


class Norm(Sourced):
    """Mean and standard deviation of a reference group."""

    mean: float
    sd: float = Field(gt=0)
    n: int | None = Field(default=None, ge=2)
    population: Text


class Norms(Part):
    """The two groups Jacobson and Truax compare."""

    functional: Norm | None = None
    clinical: Norm | None = None


class Reliability(Sourced):
    """A reliability estimate. The first of a scale is the headline."""

    value: float = Field(gt=0, lt=1)
    kind: Literal["alpha", "omega", "test_retest", "icc"]
    n: int | None = Field(default=None, ge=2)


class Scale(Sourced):
    """One score of an instrument and everything known about it."""

    label: Text
    kind: Literal["total", "subscale", "extra"]
    method: Literal["sum", "mean", "vas_sum", "sum_of_scales", "supplied"]
    factor: float = Field(default=1, gt=0)
    items: Literal["all"] | tuple[int, ...] = ()
    of_scales: tuple[Name, ...] = ()
    score_min: float | None = Field(default=None, description="Only for supplied scores")
    score_max: float | None = Field(default=None, description="Only for supplied scores")
    better: Literal["higher", "lower", "none"] | None = None
    missing: MissingRule = MissingRule()
    cutoffs: tuple[Cutoff, ...] = ()
    reliable_change: tuple[ReliableChange, ...] = ()
    nhs_tt: NhsTalkingTherapies | None = None
    bands: dict[Name, BandSet] = Field(default_factory=dict)
    norms: Norms = Norms()
    reliability: tuple[Reliability, ...] = ()


class Condition(Part):
    """Either a score, or at least so many of some items as answered, against a value."""

    scale: Name | None = None
    items: Literal["all"] | tuple[int, ...] = ()
    at_least: int = Field(default=1, ge=1)
    operator: Operator
    value: float


class Flag(Sourced):
    """A sign on one form: a risk answer, a feedback trigger, provisional criteria."""

    kind: Literal["risk", "feedback", "criteria"]
    label: Text
    match: Literal["any", "all"] = "any"
    conditions: tuple[Condition, ...] = Field(min_length=1)


class LoincCode(Sourced):
    """One LOINC code: ``what`` is panel, total, item_1 … or answer_0 …"""

    what: Name
    code: Annotated[str, StringConstraints(pattern=r"^(LA)?\d+-\d$")]


class Ages(Part):
    """Ages in years the form is meant for, both included."""

    low: int = Field(default=0, ge=0)
    high: int = Field(default=120, le=120)
