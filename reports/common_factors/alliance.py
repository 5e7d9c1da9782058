"""Questions about the alliance: outcome, ruptures and their repair."""

from __future__ import annotations

from markupsafe import Markup

from reports.common_factors.blocks import (
    TOO_FEW,
    Block,
    Column,
    firm_bars,
    nothing,
    where_clinics_disagree,
)
from reports.drawing.figures import Bar, forest
from reports.drawing.wording import (
    DETECTORS,
    Row,
    form,
    form_name,
    plainly,
)

FIRST, LAST = "first score", "last score before the alliance was rated"
ENDS = {
    "adjusted_r": ("adjusted_r_ci_low", "adjusted_r_ci_high"),
    "estimate": ("ci_low", "ci_high"),
}


def _pair(row: Row) -> str:
    return f"{form_name(row['alliance_instrument_id'])}, {form_name(row['outcome_instrument_id'])}"


def _say_outcome(rows: list[Row]) -> list[Markup]:
    if not any(row.is_shown for row in rows):
        return nothing(rows, "Alliance and outcome")
    said = []
    for row in rows:
        forms = Markup("{} and {}").format(
            form(row["alliance_instrument_id"]), form(row["outcome_instrument_id"])
        )
        if not row.is_shown:
            said.append(TOO_FEW.format(forms))
            continue
        lead, held = ("adjusted_r", LAST) if row["adjusted_r"] is not None else ("estimate", FIRST)
        low, high = ENDS[lead]
        said.append(
            Markup("{}{}: at equal {}, {} (r\u00a0=\u00a0{}, {}, {} clients).").format(
                *(row.warning, forms, held, _direction(row[low], row[high]), row.show(lead, "r")),
                *(row.interval("r", low, high), row.show("n_clients", "count")),
            )
        )
        if lead != "estimate":
            said.append(
                Markup("At equal {}, as most studies have it, r\u00a0=\u00a0{}.").format(
                    FIRST, row.show("estimate", "r")
                )
            )
    return said + where_clinics_disagree(rows, lambda row: f"{_pair(row)}, at equal {FIRST}")


def _direction(low: float | None, high: float | None) -> str:
    if low is None or high is None or low <= 0 <= high:
        return "no clear link; the interval includes none at all"
    if low > 0:
        return "clients who rated the early alliance higher ended better"
    return (
        "clients who rated the early alliance higher ended worse; first check whether a scale is "
        "turned round"
    )


def _zone(rows: list[Row]) -> tuple[float, float] | None:
    for row in rows:
        if row.get("benchmark_ci_low") is not None and row.get("benchmark_is_comparable"):
            return row["benchmark_ci_low"], row["benchmark_ci_high"]
    return None


OUTCOME = Block(
    """select
    alliance_instrument_id, outcome_instrument_id, adjusted_r, adjusted_r_ci_low,
    adjusted_r_ci_high, estimate, ci_low, ci_high, ci_level,
    n_clients, n_therapists, precision_label, not_estimable_reason, clinics_disagree,
    benchmark_value, benchmark_ci_low, benchmark_ci_high, benchmark_source,
    benchmark_is_comparable, benchmark_why_not
from common_factors.cf_alliance_outcome
where scope_level = {level} and scope_id = {scope}
order by alliance_instrument_id, outcome_instrument_id""",
    (
        Column("alliance_instrument_id", "Alliance form", "form"),
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("adjusted_r", "At equal last score before", "r"),
        Column("adjusted_r_ci_low", "from", "r"),
        Column("adjusted_r_ci_high", "to", "r"),
        Column("estimate", "At equal first score", "r"),
        Column("ci_low", "from", "r"),
        Column("ci_high", "to", "r"),
        Column("n_clients", "Clients", "count"),
        Column("n_therapists", "Therapists", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_outcome,
    lambda rows: forest(
        [
            Bar(f"{_pair(row)}, {held}", row[lead], row[low], row[high], row.is_firm)
            for row in rows
            for lead, held in (("adjusted_r", "last before"), ("estimate", "first"))
            for low, high in [ENDS[lead]]
            if row[lead] is not None
        ],
        axis="partial correlation; right of 0: better alliance, better outcome",
        alt="Early alliance and outcome: correlations with intervals per pair of forms, at equal "
        "last score before the alliance and at equal first score; "
        "the numbers are in the table below the plot",
        zone=_zone(rows),
        zone_label="published interval" if _zone(rows) else "",
    ),
)


BETTER = {
    "alliance_to_symptom": "after a session with a better alliance than usual for the client, "
    "the next score is {}",
    "symptom_to_alliance": "after a score that was better than usual for the client, the "
    "alliance of that session is {}",
}
UNDECIDED = {
    "differ": "the models do not agree, so nothing is said about a direction",
    "cannot_tell": "no model tells it from none, or one cannot be estimated",
}


def _say_direction(rows: list[Row]) -> list[Markup]:
    shown = [row for row in rows if row["parameter"] == "dynamic_panel" and row["agreement"]]
    if not shown:
        return nothing(rows, "Which comes first")
    said = [
        Markup("{}{} and {}: {}{}.").format(
            *(row.warning, form(row["alliance_instrument_id"])),
            *(form(row["outcome_instrument_id"]), _agreed(row), _by_how_much(row)),
        )
        for row in shown
    ]
    named = [row for row in shown if row["agreement"] == "agree"]
    return said + where_clinics_disagree(
        named, lambda row: f"{plainly(row['lag_direction'])}, {_pair(row)}"
    )


def _agreed(row: Row) -> str:
    claim = BETTER[row["lag_direction"]]
    if row["agreement"] == "agree" and row["estimate"] is not None:
        return claim.format("better" if row["estimate"] > 0 else "worse") + ", by all three models"
    return f"whether {claim.format('better')}: {UNDECIDED[row['agreement']]}"


def _by_how_much(row: Row) -> Markup:
    if row["agreement"] != "agree" or row["estimate"] is None:
        return Markup("")
    return Markup(" ({} {}, {}, {} clients)").format(
        *(row.show("estimate", "ratio"), row["unit"], row.interval("ratio")),
        row.show("n_clients", "count"),
    )


DIRECTION = Block(
    """select
    lag_direction, alliance_instrument_id, outcome_instrument_id, parameter, unit, estimate,
    ci_low, ci_high, ci_level, agreement, n_clients, precision_label, not_estimable_reason,
    clinics_disagree
from common_factors.cf_alliance_symptom_lag
where
    scope_level = {level} and scope_id = {scope}
    and parameter in ('within', 'dynamic_panel', 'client_trends')
order by lag_direction, alliance_instrument_id, outcome_instrument_id, parameter""",
    (
        Column("lag_direction", "Direction", "words"),
        Column("alliance_instrument_id", "Alliance form", "form"),
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("parameter", "Model", "words"),
        Column("estimate", "Estimate", "ratio"),
        Column("ci_low", "from", "ratio"),
        Column("ci_high", "to", "ratio"),
        Column("unit", "Unit"),
        Column("agreement", "Do the models agree", "words"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_direction,
    lambda rows: None,
)


def _detector(row: Row) -> str:
    return f"{DETECTORS.get(row['detector'], row['detector'])}, {form_name(row['instrument_id'])}"


NEARLY_EVERYONE, REPORT = "fires on nearly everyone", "self_report"
NO_DETECTOR = Markup(
    "{}: no detector finds more ruptures than noise alone would give the same courses; no rate is "
    "named here."
)


def _say_ruptures(rows: list[Row]) -> list[Markup]:
    shown = [row for row in rows if row["rupture_percent"] is not None]
    if not shown:
        return nothing(rows, "Ruptures")
    said = []
    for instrument in dict.fromkeys(row["instrument_id"] for row in shown):
        of_form = [row for row in shown if row["instrument_id"] == instrument]
        reports = [row for row in of_form if row["detector"] == REPORT]
        chosen = [row for row in of_form if row["is_chosen"]]
        said += [_say_reports(row) for row in reports] + [_say_chosen(row) for row in chosen]
        if not reports and not chosen:
            said.append(NO_DETECTOR.format(form(instrument)))
    return said


def _say_reports(row: Row) -> Markup:
    return Markup("Asked on {}, clients reported a rupture in {} of {} courses; {}.").format(
        *(form(row["instrument_id"]), row.show("rupture_percent", "percent")),
        *(row.show("n_episodes", "count"), _repaired(row)),
    )


def _say_chosen(row: Row) -> Markup:
    return Markup(
        "{}{} the detector “{}” on {}, {} of {} courses had a rupture; noise alone would give {} "
        "of them one; {}. This detector was chosen because it is {}."
    ).format(
        *(row.warning, "by" if row.warning else "By"),
        DETECTORS.get(row["detector"], row["detector"]),
        form(row["instrument_id"]),
        row.show("rupture_percent", "percent"),
        row.show("n_episodes", "count"),
        row.show("noise_percent", "percent"),
        _repaired(row),
        row["chosen_because"],
    )


def _repaired(row: Row) -> Markup | str:
    if row["repaired_percent"] is None:
        return "too few to say how many were repaired"
    return Markup("of those that could be judged, {} were repaired").format(
        row.show("repaired_percent", "percent")
    )


def _draw_ruptures(rows: list[Row]) -> Markup | None:
    bars = []
    for row in rows:
        if row["rupture_percent"] is None or row["standing"] == NEARLY_EVERYONE:
            continue
        bars.append(
            Bar(
                f"{_detector(row)}",
                *(row["rupture_percent"], row["rupture_percent_ci_low"]),
                row["rupture_percent_ci_high"],
            )
        )
        if row["noise_percent"] is not None:
            bars.append(Bar("", row["noise_percent"], None, None, series=1))
    return forest(
        bars,
        axis="percent",
        alt="Courses with a rupture, and what noise alone gives, per detector and form; the "
        "numbers are in the table below the plot",
        reference=None,
        series=("courses with a rupture", "the same courses made of noise"),
    )


RUPTURES = Block(
    """select
    detector, instrument_id, estimate, ci_low, ci_high, ci_level, rupture_percent,
    rupture_percent_ci_low, rupture_percent_ci_high, noise_percent, repaired_percent, standing,
    is_chosen, chosen_because, n_episodes, n_therapists, precision_label
from common_factors.cf_rupture_base_rates
where scope_level = {level} and scope_id = {scope}
order by instrument_id, detector""",
    (
        Column("detector", "Detector", "detector"),
        Column("instrument_id", "Form", "form"),
        Column("rupture_percent", "Courses with a rupture", "percent"),
        Column("noise_percent", "Noise alone", "percent"),
        Column("estimate", "More than noise", "points"),
        Column("ci_low", "from", "points"),
        Column("ci_high", "to", "points"),
        Column("repaired_percent", "Repaired", "percent"),
        Column("n_episodes", "Courses", "count"),
        Column("standing", "Standing"),
    ),
    _say_ruptures,
    _draw_ruptures,
)


CLASSES = {"none": "no rupture", "repaired": "repaired", "unrepaired": "unrepaired"}


def _say_rupture_outcome(rows: list[Row]) -> list[Markup]:
    said = []
    for pair in dict.fromkeys((r["instrument_id"], r["outcome_instrument_id"]) for r in rows):
        of_pair = [r for r in rows if (r["instrument_id"], r["outcome_instrument_id"]) == pair]
        parts = [
            Markup("{} {} points ({}, {} clients{})").format(
                *(CLASSES[row["rupture_class"]], row.show("estimate", "points")),
                *(row.interval("points"), row.show("n_clients", "count")),
                "" if row.is_firm else f"; {row['precision_label']}",
            )
            for row in of_pair
            if row.is_shown
        ]
        if parts:
            said.append(
                Markup("Mean improvement on {}, by the detector “{}” on {}: {}.").format(
                    form(pair[1]),
                    DETECTORS.get(of_pair[0]["detector"], of_pair[0]["detector"]),
                    form(pair[0]),
                    Markup("; ").join(parts),
                )
            )
    said += where_clinics_disagree(rows, _form_and_class)
    return said or nothing(rows, "Improvement by rupture")


def _form_and_class(row: Row) -> str:
    return f"{form_name(row['outcome_instrument_id'])}, {CLASSES[row['rupture_class']]}"


RUPTURE_OUTCOME = Block(
    """select
    detector, instrument_id, outcome_instrument_id, rupture_class, estimate, ci_low, ci_high,
    ci_level, n_clients, precision_label, clinics_disagree,
    not_estimable_reason, repair_r, benchmark_value, benchmark_ci_low, benchmark_ci_high,
    benchmark_source, benchmark_is_comparable, benchmark_why_not
from common_factors.cf_rupture_outcome
where scope_level = {level} and scope_id = {scope} and exists (
    select 1
    from common_factors.cf_rupture_base_rates as rates
    where
        rates.scope_level = cf_rupture_outcome.scope_level
        and rates.scope_id = cf_rupture_outcome.scope_id
        and rates.detector = cf_rupture_outcome.detector
        and rates.instrument_id = cf_rupture_outcome.instrument_id
        and rates.version = cf_rupture_outcome.version
        and (rates.is_chosen or rates.detector = 'self_report')
)
order by instrument_id, outcome_instrument_id, rupture_class""",
    (
        Column("instrument_id", "Alliance form", "form"),
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("rupture_class", "Class"),
        Column("estimate", "Mean improvement", "points"),
        Column("ci_low", "from", "points"),
        Column("ci_high", "to", "points"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_rupture_outcome,
    lambda rows: forest(
        firm_bars(rows, _form_and_class),
        axis="mean improvement in points of the outcome form; right of 0: better",
        alt="Mean improvement by rupture class; the numbers are in the table below the plot",
    ),
)
