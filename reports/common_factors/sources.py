"""Questions about sources of outcome: modalities, and shares of the variance."""

from __future__ import annotations

from markupsafe import Markup

from reports.common_factors.blocks import (
    ESTIMATE,
    Block,
    Column,
    firm_bars,
    nothing,
    where_clinics_disagree,
)
from reports.drawing.figures import forest
from reports.drawing.wording import (
    Row,
    form,
    form_name,
    plainly,
)

VERDICTS = {
    "equivalent": "Equivalent within",
    "different": "Different by more than",
    "inconclusive": "Nobody can tell at a margin of",
}


def _modalities(row: Row) -> str:
    return f"{plainly(row['modality'])} − {plainly(row['compared_modality'])}"


def _say_modalities(rows: list[Row]) -> list[Markup]:
    shown = [row for row in rows if row.is_shown]
    if not shown:
        return nothing(rows, "Modalities")
    said = []
    for verdict in VERDICTS:
        part = [row for row in shown if row["verdict"] == verdict]
        if part:
            pairs = Markup("; ").join(
                Markup("{} and {} on {}").format(
                    *(plainly(row["modality"]), plainly(row["compared_modality"])),
                    form(row["outcome_instrument_id"]),
                )
                for row in part
            )
            said.append(
                Markup("{} {} SD: {}.").format(
                    *(VERDICTS[verdict], part[0].show("margin", "ratio"), pairs)
                )
            )
    said += where_clinics_disagree(
        rows, lambda row: f"{_modalities(row)}, {form_name(row['outcome_instrument_id'])}"
    )
    reasons = sorted({row["confounding"] for row in shown if row["confounding"]})
    return [*said, *(Markup("Stands in the way: {}.").format(reason) for reason in reasons[:1])]


MODALITIES = Block(
    """select
    outcome_instrument_id, modality, compared_modality, estimate, ci_low, ci_high, ci_level,
    margin, verdict, confounding, n_clients, n_therapists_both, precision_label,
    not_estimable_reason, clinics_disagree, benchmark_value, benchmark_ci_low,
    benchmark_ci_high, benchmark_source, benchmark_is_comparable, benchmark_why_not
from common_factors.cf_modality_equivalence
where scope_level = {level} and scope_id = {scope}
order by outcome_instrument_id, modality, compared_modality""",
    (
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("modality", "Modality", "words"),
        Column("compared_modality", "against", "words"),
        *ESTIMATE,
        Column("ci_level", "Interval", "share"),
        Column("verdict", "Verdict"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_modalities,
    lambda rows: forest(
        firm_bars(rows, lambda r: f"{_modalities(r)}, {form_name(r['outcome_instrument_id'])}"),
        axis="adjusted difference in pooled SD; right of 0: first modality better",
        alt="Differences between modalities with 90 % intervals and the margin of equivalence; "
        "the numbers are in the table below the plot",
        zone=next(((-row["margin"], row["margin"]) for row in rows), None),
        zone_label="margin of equivalence",
    ),
)


def _say_shares(rows: list[Row]) -> list[Markup]:
    said = []
    for name in sorted({row["outcome_instrument_id"] for row in rows}):
        part = {
            row["source"]: row
            for row in rows
            if row["outcome_instrument_id"] == name and row.is_shown
        }
        if not part:
            said.append(Markup("{}: too few clients for a number.").format(form(name)))
            continue
        first = next(iter(part.values()))
        said.append(
            Markup("{}{}, {} clients: {}.").format(
                *(first.warning, form(name), first.show("n_clients", "count")),
                Markup("; ").join(
                    Markup("{} {} ({})").format(
                        *(source, row.show("estimate", "fine_share"), row.interval("fine_share"))
                    )
                    for source, row in part.items()
                ),
            )
        )
    return said or nothing(rows, "Shares")


SHARES = Block(
    """select
    alliance_instrument_id, outcome_instrument_id, source, estimate, ci_low, ci_high,
    ci_level, n_clients, n_therapists, precision_label, not_estimable_reason,
    benchmark_value, benchmark_ci_low, benchmark_ci_high, benchmark_source,
    benchmark_is_comparable, benchmark_why_not
from common_factors.cf_variance_shares
where scope_level = {level} and scope_id = {scope}
order by
    outcome_instrument_id, alliance_instrument_id,
    case source when 'alliance' then 1 when 'therapist' then 2 when 'modality' then 3 else 4 end""",
    (
        Column("outcome_instrument_id", "Outcome form", "form"),
        Column("source", "Source"),
        Column("estimate", "Share", "fine_share"),
        Column("ci_low", "from", "fine_share"),
        Column("ci_high", "to", "fine_share"),
        Column("n_clients", "Clients", "count"),
        Column("precision_label", "Precision"),
    ),
    _say_shares,
    lambda rows: forest(
        firm_bars(
            [row for row in rows if row["source"] != "residual"],
            lambda row: f"{row['source']}, {form_name(row['outcome_instrument_id'])}",
            factor=100,
        ),
        axis="percent of the variance of the last score at equal first score",
        alt="Shares of the variance in outcome: alliance, therapist, modality; the numbers are in "
        "the table below the plot",
    ),
)
