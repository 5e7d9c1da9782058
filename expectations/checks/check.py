"""The kinds of check a rule of config/rules.yml may have, and what each of them is told.

A kind without keys takes everything from the table contract, the registry or the delivery.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Generated(Strict):
    """A check whose predicate follows from the contract or the registry alone."""

    kind: Literal[
        "readable_file",
        "form_change",
        "required",
        "nobody",
        "client_alias",
        "convertible",
        "convertible_answers",
        "contract_range",
        "time_of_day",
        "item_range",
        "item_step",
        "item_columns",
        "known_instrument",
        "legal_rater",
        "reference",
        "unique_key",
        "unscored_forms",
        "unlinked_alliance_form",
        "straight_line",
        "underanswered_scores",
        "session_number",
        "group_sessions",
        "file_period",
        "control_total",
        "canary",
        "mart",
    ]


class AllowedValues(Strict):
    """A column keeps to the closed set that the contract declares for it."""

    kind: Literal["allowed_values"]
    column: str


class MissingCodes(Strict):
    """An answer outside its range that other systems write for "not answered"."""

    kind: Literal["missing_codes"]
    codes: tuple[float, ...]


class ScalePooled(Strict):
    """All forms of an instrument a clinic ever sent leave out an end of its scale."""

    kind: Literal["scale_pooled"]
    min_forms: int = Field(ge=1)


class FreeText(Strict):
    """No free-text column of the contract matches ``pattern`` (RE2)."""

    kind: Literal["free_text"]
    pattern: str
    reason: str


class ScaleMixUp(Strict):
    """A whole instrument in a file is answered on another scale than its definition's."""

    kind: Literal["scale_mix_up"]
    min_forms: int = Field(ge=1)
    share_above: float = Field(gt=0, lt=1)


class SubmittedScore(Strict):
    """The score the clinic sent equals the one recomputed from the answers."""

    kind: Literal["submitted_score"]
    tolerance_whole: float = Field(ge=0)
    tolerance_fraction: float = Field(ge=0)


class SameDayForm(Strict):
    """One form per client, instrument, rater and day; the latest completed one stays."""

    kind: Literal["same_day_form"]


class OnePerDay(Strict):
    """At most one row per client and calendar day of ``at`` among the rows in scope."""

    kind: Literal["one_per_day"]
    at: str


class NoOverlap(Strict):
    """Periods [start, end] of the same ``of`` do not overlap; touching is allowed."""

    kind: Literal["no_overlap"]
    of: str
    start: str
    end: str


class Sequence(Strict):
    """A row does not contradict the one before it.

    ``where`` is true for a row that does; ``previous`` is the row of the same ``within`` before it
    in the order of ``at``, among the rows in scope, those the lake holds included.
    """

    kind: Literal["sequence"]
    within: tuple[str, ...] = Field(min_length=1)
    at: str
    where: str
    column: str
    reason: str


class IdenticalAnswers(Strict):
    """Two clients gave all the same answers, not all alike, in the same minute."""

    kind: Literal["identical_answers"]
    min_items: int = Field(ge=2)


class BulkEntry(Strict):
    """``n_forms`` forms of several clients of one therapist were completed within ``seconds``."""

    kind: Literal["bulk_entry"]
    n_forms: int = Field(ge=2)
    seconds: int = Field(ge=1)


class ScoreJump(Strict):
    """The primary score moved by more than ``times`` reliable changes since the form before."""

    kind: Literal["score_jump"]
    times: float = Field(gt=0)


class Break(Strict):
    """One way to break a rule: the SQL predicate that is true for a broken row."""

    where: str
    column: str | None = None
    reason: str


class Where(Strict):
    """Predicates in SQL over the staged columns and the documented joined aliases."""

    kind: Literal["where"]
    breaks: tuple[Break, ...] = Field(min_length=1)


class Measured(Strict):
    """Counted on the finished tables, per clinic: published/measures/<rule>.sql, or Python.

    ``settings`` are the numbers that the query takes, by name.
    """

    kind: Literal["measured"]
    settings: dict[str, float] = Field(default_factory=dict)


Check = Annotated[
    Generated
    | AllowedValues
    | MissingCodes
    | FreeText
    | ScaleMixUp
    | ScalePooled
    | SubmittedScore
    | SameDayForm
    | OnePerDay
    | NoOverlap
    | Sequence
    | IdenticalAnswers
    | BulkEntry
    | ScoreJump
    | Measured
    | Where,
    Field(discriminator="kind"),
]
