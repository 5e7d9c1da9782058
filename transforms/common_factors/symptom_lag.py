"""Which comes first, a better alliance or fewer symptoms? Both directions, three models of each.

Alliance is rated after a session, symptoms before it (domain brief §4.15). So alliance of
session t comes before the symptoms of session t + 1, and the symptoms of session t come before
the alliance of session t. Each direction holds the outcome's own last score and the session equal:

* ``within``: deviations from the client's mean (:mod:`transforms.statistics.within_between`),
  biased where symptoms move the alliance or clients have trends of their own;
* ``dynamic_panel`` and ``client_trends`` (:mod:`transforms.statistics.dynamic_panel`), on the same
  rows, which allow for the one and for both.

``agreement`` says whether the three have one answer: only then may a page name a direction
(docs/methods/within-client-effect.md).
"""

from dataclasses import dataclass

import numpy as np

from transforms.common_factors.alliance import ALLIANCE_POINTS, PARAMETERS, scale_of_parameter
from transforms.common_factors.clinics import CLINIC_EFFECTS, Clinics
from transforms.common_factors.rows import (
    LEVEL,
    Columns,
    clinics_of,
    count_distinct,
    fields_of,
    parameters,
    records_by_scope,
)
from transforms.common_factors.scopes import Scope
from transforms.common_factors.table import ByStratum, CfTable, Row
from transforms.statistics import clinic_effects
from transforms.statistics.agreement import agreement
from transforms.statistics.arrays import Codes, Floats
from transforms.statistics.dynamic_panel import Pairs, PanelSlope, arellano_bond, client_trends
from transforms.statistics.reml import GroupTotals
from transforms.statistics.withheld import Record
from transforms.statistics.within_between import PREDICTORS, WithinBetween, within_between

KEYS = ("lag_direction", "alliance_instrument_id", "outcome_instrument_id")
TO_SYMPTOM, TO_ALLIANCE = "alliance_to_symptom", "symptom_to_alliance"
PANEL_MODELS = ("dynamic_panel", "client_trends")
PAIR = (
    *("client_code", "therapist_code", "session_number"),
    *("predictor", "predictor_within", "predictor_between"),
    *("last_score", "last_within", "outcome"),
)


@dataclass(frozen=True)
class Models:
    """The three models of one direction, and whether they agree."""

    today: WithinBetween
    dynamic: PanelSlope
    trends: PanelSlope
    agreement: str


def alliance_symptom_lag(strata: Columns, rows: Columns) -> list[Record]:
    """Fit both directions: one record per scope, direction, instruments and parameter.

    Parameters
    ----------
    strata : columns stratum, clinic_id, clinic_group and ``KEYS``
    rows : one entry per client and pair of sessions
        stratum and ``PAIR``, turned so that higher is better: the predictor, its deviation from
        the client's mean and that mean's from all; the outcome's last score and its deviation; the
        outcome.
    """
    labels = parameters((*PARAMETERS, *PANEL_MODELS))
    return records_by_scope(strata, rows, KEYS, _records_of, labels)


def lag_models(part: Columns, level: float = LEVEL) -> Models:
    """Fit the three models to the pairs of one scope."""
    clinics = clinics_of(part)
    today = within_between(_totals_of(part, clinics), direction=1, level=level)
    pairs = _pairs_of(part, clinics)
    dynamic, trends = arellano_bond(pairs, level=level), client_trends(pairs, level=level)
    return Models(today, dynamic, trends, agreement([today.within, dynamic.slope, trends.slope]))


def _records_of(scope: Scope, part: Columns) -> list[Record]:
    found = lag_models(part)
    times = ALLIANCE_POINTS if scope.key[0] == TO_SYMPTOM else 1
    estimates = {
        "within": found.today.within.times(times),
        "between": found.today.between.times(times),
        "between_minus_within": found.today.difference.times(times),
        "within_standardized": found.today.within_standardized,
        "repeated_measures_r": found.today.repeated_correlation,
        "dynamic_panel": found.dynamic.slope.times(times),
        "client_trends": found.trends.slope.times(times),
    }
    shared = {
        "agreement": found.agreement,
        "n_pairs": found.today.n_rows,
        "n_clients": found.today.n_clients,
        "n_therapists": count_distinct(part["therapist_code"]),
    }
    beside = {"dynamic_panel": _checks_of(found.dynamic), "client_trends": _checks_of(found.trends)}
    return [
        {"parameter": parameter} | fields_of(estimate) | shared | beside.get(parameter, {})
        for parameter, estimate in estimates.items()
    ]


def _checks_of(found: PanelSlope) -> Record:
    return {
        "n_instruments": found.n_instruments,
        "serial_correlation_p": found.serial_p,
        "overidentification_p": found.overidentified_p,
    }


def _totals_of(part: Columns, clinics: Codes) -> GroupTotals:
    """Return the totals of today's model; of several clinics each but one gets a column."""
    beside, names = clinic_effects.columns(clinics)
    columns = [
        *(part["predictor_within"], part["predictor_between"]),
        *(part["last_within"], part["session_number"]),
    ]
    design = np.column_stack([np.ones(len(clinics)), *columns, beside])
    _, clients = np.unique(part["client_code"], return_inverse=True)
    return GroupTotals.from_rows(clients, design, part["outcome"], (*PREDICTORS, *names))


def _pairs_of(part: Columns, clinics: Codes) -> Pairs:
    """Return the pairs beside each clinic's own line of the sessions and the common log of them.

    Clients' levels are gone anyway; scores less their clinic's mean are better instruments.
    """

    def beside_clinic(name: str) -> Floats:
        return part[name] - clinic_effects.means(part[name], clinics)

    session = part["session_number"]
    lines = [np.where(own, session, 0.0) for own in clinic_effects.each_clinic(clinics)]
    return Pairs.in_order(
        part["client_code"],
        session,
        (beside_clinic("last_score"), beside_clinic("predictor"), beside_clinic("outcome")),
        np.column_stack([np.log(session), *lines]),
    )


class AllianceSymptomLagRow(Row, total=False):
    """One parameter of one direction between alliance and symptoms."""

    lag_direction: str
    alliance_instrument_id: str
    outcome_instrument_id: str
    parameter: str
    agreement: str
    n_instruments: int
    serial_correlation_p: float
    overidentification_p: float
    n_pairs: int
    n_clients: int
    n_therapists: int


ALLIANCE_SYMPTOM_LAG = CfTable(
    AllianceSymptomLagRow,
    (ByStratum(alliance_symptom_lag, KEYS, PAIR, where="true"),),
    Clinics(CLINIC_EFFECTS, (*KEYS, "parameter"), scale_of_parameter),
)
