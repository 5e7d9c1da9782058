"""Questions about the service: change, who is counted, therapists."""

from __future__ import annotations

from markupsafe import Markup

from reports.common_factors.blocks import Block, Column, firm_bars, nothing
from reports.drawing.figures import forest
from reports.drawing.wording import Row, form, form_name

CHANGES = {
    "reliably_improved": "reliably improved",
    "reliably_deteriorated": "reliably deteriorated",
    "recovered": "recovered",
    "unchanged": "unchanged",
    "reliably_recovered": "reliably recovered",
}


def _say_change(rows: list[Row]) -> list[Markup]:
    said = []
    for name in sorted({row["instrument_id"] for row in rows}):
        part = {row["metric"]: row for row in rows if row["instrument_id"] == name}
        shown = [
            Markup("{} {} ({})").format(
                *(row.show("estimate", "share"), CHANGES[metric], row.interval("share"))
            )
            for metric, row in part.items()
            if row.is_shown
        ]
        if not shown:
            said.append(Markup("{}: too few clients for a number.").format(form(name)))
            continue
        first = next(row for row in part.values() if row.is_shown)
        said.append(
            Markup("{}{}, {} ended courses with two scores: {}.").format(
                *(first.warning, form(name), first.show("n_episodes", "count")),
                Markup("; ").join(shown),
            )
        )
    return said or nothing(rows, "Change")


CHANGE = Block(
    """select
    instrument_id, metric, denominator, estimate, ci_low, ci_high, ci_level, n_events,
    n_episodes, precision_label, not_estimable_reason
from common_factors.cf_outcome_change
where scope_level = {level} and scope_id = {scope} and method = 'registry'
    and metric in ('reliably_improved', 'reliably_deteriorated', 'unchanged')
order by instrument_id, metric""",
    (
        Column("instrument_id", "Form", "form"),
        Column("metric", "Class", "words"),
        Column("denominator", "Of"),
        Column("estimate", "Share", "share"),
        Column("ci_low", "from", "share"),
        Column("ci_high", "to", "share"),
        Column("n_events", "Courses in it", "count"),
        Column("n_episodes", "Courses", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_change,
    lambda rows: forest(
        firm_bars(
            rows,
            lambda row: f"{form_name(row['instrument_id'])}, {CHANGES[row['metric']]}",
            factor=100,
        ),
        axis="percent of ended courses with two scores",
        alt="Reliable improvement, deterioration and no reliable change per form; the numbers are "
        "in the table below the plot",
        reference=None,
    ),
)


def _say_funnel(rows: list[Row]) -> list[Markup]:
    stages = {row["line"]: row for row in rows if row["kind"] == "stage"}
    ends = {row["line"]: row for row in rows if row["kind"] == "result"}
    if any(
        row is None or row["n_episodes"] is None
        for row in (stages.get("treated"), stages.get("included"), ends.get("success"))
    ):
        return [Markup("Who is counted: too few clients for numbers.")]
    return [
        Markup("Of {} treated courses, {} ended in the last year of data; {} are counted, and {} "
               "of these improved reliably.").format(
            stages["treated"].show("n_episodes", "count"),
            stages["in period"].show("n_episodes", "count"),
            stages["included"].show("n_episodes", "count"),
            ends["success"].show("n_episodes", "count"),
        )
    ]  # fmt: skip


FUNNEL = Block(
    """select line_number, line, kind, n_episodes
from core.fct_metric_funnel
where scope_level = {level} and scope_id = {scope} and metric = 'jt_reliable_improvement'
order by line_number""",
    (
        Column("line", "Step"),
        Column("kind", "Kind"),
        Column("n_episodes", "Courses", "count"),
    ),
    _say_funnel,
    lambda rows: None,
)


def _say_therapist_effect(rows: list[Row]) -> list[Markup]:
    if not any(row.is_shown for row in rows):
        return nothing(rows, "Differences between therapists")
    return [
        Markup("{}{}: {} of the differences in outcome lie between therapists ({}; {} therapists, "
               "{} clients){}.").format(
            *(row.warning, form(row["outcome_instrument_id"]), row.show("estimate", "fine_share")),
            *(row.interval("fine_share"), row.show("n_therapists", "count")),
            row.show("n_clients", "count"),
            "; the best estimate is none at all" if row["is_boundary"] else "",
        )
        for row in rows
        if row.is_shown
    ]  # fmt: skip


THERAPIST_EFFECT = Block(
    """select
    outcome_instrument_id, estimate, ci_low, ci_high, ci_level, is_boundary, n_clients,
    n_therapists, model, precision_label, not_estimable_reason, benchmark_value,
    benchmark_ci_low, benchmark_ci_high, benchmark_source, benchmark_is_comparable,
    benchmark_why_not
from common_factors.cf_therapist_effect
where scope_level = {level} and scope_id = {scope} and metric = 'icc'
order by outcome_instrument_id""",
    (
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("estimate", "Between therapists", "fine_share"),
        Column("ci_low", "from", "fine_share"),
        Column("ci_high", "to", "fine_share"),
        Column("n_therapists", "Therapists", "count"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_therapist_effect,
    lambda rows: None,
    benchmark_style="fine_share",
)
