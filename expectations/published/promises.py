"""The aggregate tables that have a suite of their own, their natural bounds, and change classes.

A new table needs no entry: `expectations.published.bounds` checks what its columns' names promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from expectations.published.bounds import TOLERANCE
from transforms.sql import name


@dataclass(frozen=True)
class Bound:
    """A column that lies in [low, high]; with ``where``, in rows whose column has that value."""

    column: str
    low: float | None
    high: float | None = None
    where: tuple[str, str] | None = None
    is_open: bool = False

    def broken_in_sql(self) -> list[tuple[str, str]]:
        """Return on which side an impossible value lies, with the SQL that finds it."""
        only = f" and {name(self.where[0])} = '{self.where[1]}'" if self.where else ""
        low = f"<= {self.low}" if self.is_open else f"< {self.low} - {TOLERANCE}"
        sides = [("below its minimum", low, self.low)]
        sides += [("above its maximum", f"> {self.high} + {TOLERANCE}", self.high)]
        return [
            (side, f"{name(self.column)} {beyond}{only}")
            for side, beyond, bound in sides
            if bound is not None
        ]


@dataclass(frozen=True)
class Mart:
    """One aggregate table and the columns that have natural bounds."""

    table: str
    bounds: tuple[Bound, ...]


_correlation = partial(Bound, low=-1.0, high=1.0)
_share = partial(Bound, low=0.0, high=1.0)
_RISKS = ("risk_low", "risk_middle", "risk_high")
MARTS = (
    Mart(
        "cf_alliance_outcome",
        tuple(_correlation(column) for column in ("estimate", "zero_order_r", "spearman_r")),
    ),
    Mart(
        "cf_within_between_alliance",
        (
            _correlation("estimate", where=("parameter", "repeated_measures_r")),
            _share("client_variance_share"),
        ),
    ),
    Mart(
        "cf_early_alliance_dropout",
        (
            *(_share("estimate", where=("metric", risk)) for risk in _RISKS),
            _correlation("estimate", where=("metric", "risk_difference")),
            Bound("estimate", 0.0, where=("metric", "odds_ratio"), is_open=True),
            Bound("estimate", 0.0, where=("metric", "hazard_ratio_per_sd"), is_open=True),
        ),
    ),
    Mart(
        "cf_therapist_effect",
        (
            _share("estimate"),
            _share("icc_unadjusted"),
            Bound("var_therapist", 0.0),
            Bound("var_residual", 0.0, is_open=True),
        ),
    ),
    Mart(
        "cf_therapist_caterpillar",
        (Bound("se", 0.0, is_open=True), _share("reliability")),
    ),
    Mart("cf_outcome_change", (_share("estimate"),)),
    Mart("cf_effect_size", (_correlation("correlation"),)),
    Mart(
        "cf_dropout_definitions",
        (
            _share("estimate"),
            Bound("not_judged_percent", 0.0, 100.0),
            Bound("discharge_unknown_percent", 0.0, 100.0),
        ),
    ),
    *(
        Mart(
            table,
            tuple(_correlation(column) for column in ("estimate", "zero_order_r", "spearman_r")),
        )
        for table in (
            "cf_core_conditions",
            "cf_goal_consensus_collaboration",
            "cf_attachment_alliance",
            "cf_countertransference",
        )
    ),
    Mart(
        "cf_empathy_outcome",
        (
            _correlation("estimate", where=("metric", "empathy")),
            Bound("estimate", -2.0, 2.0, where=("metric", "difference")),
            _share("williams_p"),
        ),
    ),
    Mart(
        "cf_homework",
        (_correlation("estimate", where=("parameter", "repeated_measures_r")),),
    ),
    Mart(
        "cf_congruence",
        (
            Bound("estimate", -100.0, 100.0, where=("parameter", "bias")),
            _correlation("estimate", where=("unit", "correlation")),
            _share("r_squared"),
        ),
    ),
)
EPISODES = "core.fct_episodes"
# Jacobson & Truax 1991 and the NHS Talking Therapies manual: true for a contradictory row.
CONTRADICTIONS = """
    (jt_class = 'recovered' and not (jt_is_case_at_start and is_reliably_improved))
    or (
        -- Moved towards the cut-off and past it; a score on it is the operator's business.
        jt_class = 'recovered'
        and (outcome_post - jt_cutoff_value) * (outcome_post - outcome_pre) < 0
    )
    or (jt_class = 'improved' and not is_reliably_improved)
    or (jt_class in ('deteriorated', 'harmed') and not is_reliably_deteriorated)
    or (jt_class = 'harmed' and jt_is_case_at_start)
    or (jt_class = 'unchanged' and (is_reliably_improved or is_reliably_deteriorated))
    or jt_class not in ('recovered', 'improved', 'unchanged', 'deteriorated', 'harmed')
    or (nhs_is_recovered and not nhs_is_case_at_start)
    or (nhs_is_reliably_recovered and not (nhs_is_recovered and nhs_is_reliably_improved))
    or (nhs_is_reliably_improved and nhs_is_reliably_deteriorated)
"""
