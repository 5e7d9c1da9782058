"""Questions about the course of a treatment: who leaves, and do both see the same alliance."""

from __future__ import annotations

from itertools import groupby

from markupsafe import Markup

from reports.common_factors.blocks import (
    ESTIMATE,
    Block,
    Column,
    firm_bars,
    nothing,
    where_clinics_disagree,
)
from reports.drawing.figures import Curve, curves, forest
from reports.drawing.wording import (
    Row,
    form,
    form_name,
    plainly,
)


def _say_dropout(rows: list[Row]) -> list[Markup]:
    shown = [row for row in rows if row.is_shown]
    if not shown:
        return nothing(rows, "Leaving by early alliance")
    said = []
    for name, part in groupby(shown, key=lambda row: row["alliance_instrument_id"]):
        last = {row["alliance_tertile"]: row for row in part}
        parts = [
            Markup("{} of the {} third by session {}").format(
                row.show("estimate", "share"), third, row.show("session_number", "count")
            )
            for third, row in last.items()
        ]
        said.append(
            Markup("{}, of those who rated session {}: {} had left.").format(
                form(name), _first(last).show("starts_at", "count"), Markup("; ").join(parts)
            )
        )
    return said


def _first(rows: dict[str, Row]) -> Row:
    return next(iter(rows.values()))


def _draw_dropout(rows: list[Row]) -> Markup | None:
    shown = [row for row in rows if row.is_shown and row["ci_low"] is not None]
    forms = sorted({row["alliance_instrument_id"] for row in shown})
    if not forms:
        return None
    # One form per plot: the one most clients answered; the others are in the table.
    sizes = {name: 0 for name in forms}
    for row in shown:
        name = row["alliance_instrument_id"]
        sizes[name] = max(sizes[name], row["n_clients"] or 0)
    most = max(forms, key=lambda form: sizes[form])
    lines = []
    for third in ("low", "middle", "high"):
        part = [
            row
            for row in shown
            if row["alliance_instrument_id"] == most and row["alliance_tertile"] == third
        ]
        if part:
            lines.append(
                Curve(
                    f"{third} third",
                    [row["session_number"] for row in part],
                    *(
                        [100 * row[name] for row in part]
                        for name in ("estimate", "ci_low", "ci_high")
                    ),
                )
            )
    return curves(
        lines,
        x_axis=f"session number ({form_name(most)})",
        y_axis="left by then, percent",
        alt="Share of clients who left, by session and third of the early alliance; the numbers "
        "are in the table below the plot",
    )


DROPOUT = Block(
    """select
    alliance_instrument_id, alliance_tertile, session_number, estimate, ci_low, ci_high,
    ci_level, n_clients, starts_after_session + 1 as starts_at, precision_label,
    not_estimable_reason
from common_factors.cf_dropout_survival
where scope_level = {level} and scope_id = {scope} and curve = 'by_alliance'
    and estimate is not null
order by
    alliance_instrument_id,
    case alliance_tertile when 'low' then 1 when 'middle' then 2 else 3 end,
    session_number""",
    (
        Column("alliance_instrument_id", "Alliance form", "form"),
        Column("alliance_tertile", "Third"),
        Column("session_number", "Session", "count"),
        Column("estimate", "Left by then", "share"),
        Column("ci_low", "from", "share"),
        Column("ci_high", "to", "share"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_dropout,
    _draw_dropout,
)


def _say_odds(rows: list[Row]) -> list[Markup]:
    said = [
        Markup("{}{}: the odds of leaving after session 3 are {} times those of the highest third "
               "in the lowest third ({}, {} clients).").format(
            *(row.warning, form(row["alliance_instrument_id"]), row.show("estimate", "ratio")),
            *(row.interval("ratio"), row.show("n_clients", "count")),
        )
        for row in rows
        if row.is_shown
    ]  # fmt: skip
    said += where_clinics_disagree(rows, lambda row: form_name(row["alliance_instrument_id"]))
    return said or nothing(rows, "Odds of leaving")


DROPOUT_ODDS = Block(
    """select
    alliance_instrument_id, estimate, ci_low, ci_high, ci_level, n_dropouts, n_clients,
    precision_label, not_estimable_reason, clinics_disagree, benchmark_value, benchmark_ci_low,
    benchmark_ci_high, benchmark_source, benchmark_is_comparable, benchmark_why_not
from common_factors.cf_early_alliance_dropout
where scope_level = {level} and scope_id = {scope} and metric = 'odds_ratio'
order by alliance_instrument_id""",
    (
        Column("alliance_instrument_id", "Alliance form", "form"),
        Column("estimate", "Odds ratio", "ratio"),
        Column("ci_low", "from", "ratio"),
        Column("ci_high", "to", "ratio"),
        Column("n_dropouts", "Left", "count"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_odds,
    lambda rows: None,
)


def _say_congruence(rows: list[Row]) -> list[Markup]:
    found = {row["parameter"]: row for row in rows if row.is_shown}
    if "bias" not in found:
        return nothing(rows, "Client and therapist")
    bias = found["bias"]
    verb = "lower" if bias["ci_high"] < 0 else "higher" if bias["ci_low"] > 0 else "much the same"
    said = [
        Markup("{}Therapists rate the alliance {}: {} points of 100 against their clients "
               "({}, {} clients).").format(
            *(bias.warning, verb, bias.show("estimate", "points"), bias.interval("points")),
            bias.show("n_clients", "count"),
        )
    ]  # fmt: skip
    for name, words in (
        ("tracking_within", "From session to session, their ratings move together"),
        ("tracking_between", "Between clients, they agree on who has the better alliance"),
    ):
        if row := found.get(name):
            weak = row["ci_low"] is not None and row["ci_low"] <= 0
            said.append(
                Markup("{}{} (r\u00a0=\u00a0{}, {}).").format(
                    *("Not clearly: " if weak else "", words),
                    *(row.show("estimate", "r"), row.interval("r")),
                )
            )
    return said + where_clinics_disagree(rows, lambda row: plainly(row["parameter"]))


CONGRUENCE = Block(
    """select
    parameter, unit, estimate, ci_low, ci_high, ci_level, n_clients, n_sessions, n_therapists,
    precision_label, not_estimable_reason, clinics_disagree, benchmark_value, benchmark_source,
    benchmark_ci_low, benchmark_ci_high, benchmark_is_comparable, benchmark_why_not
from common_factors.cf_congruence
where scope_level = {level} and scope_id = {scope} and analysis = 'bias'
order by client_instrument_id, therapist_instrument_id, parameter""",
    (
        Column("parameter", "Parameter", "words"),
        Column("unit", "Unit"),
        *ESTIMATE,
        Column("n_clients", "Clients", "count"),
        Column("n_sessions", "Sessions", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_congruence,
    lambda rows: forest(
        firm_bars(
            [row for row in rows if row["unit"] == "correlation"],
            lambda row: plainly(row["parameter"]),
        ),
        axis="correlation of client's and therapist's ratings",
        alt="How closely therapists follow their clients' ratings, within and between clients; "
        "the numbers are in the table below the plot",
    ),
)
