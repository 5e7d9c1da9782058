{#
    One row per series and detector that applies to its form: what the detector needs here, or
    why it cannot judge.

    The SD is the larger of the SD within this client and the SD between sessions pooled over all
    clients with the same form (Gumz et al. 2012: the stricter one).
#}

{{ config(materialized = 'view') }}

with

series as (

    select * from {{ ref('int_rupture_series') }}

),

form_rules as (

    select * from {{ ref('int_rupture_form_rules') }}

),

applied as (

    select
        series.series_key,
        series.episode_key,
        series.clinic_id,
        series.clinic_group,
        series.client_key,
        series.therapist_key,
        series.instrument_id,
        series.version,
        series.rater,
        series.family,
        series.score_min,
        series.score_max,
        series.last_position,
        series.is_open,
        series.rating_count,
        series.pair_count,
        series.chart_count,
        series.mean_pomp,
        series.sd_within,
        series.quadratic,
        series.is_u_shape,
        series.turning_position,
        series.family = 'alliance'
        and round(series.mean_pomp, 9) >= {{ var('alliance_ceiling_pomp', 95) }} as is_ceiling_limited,
        nullif(greatest(series.sd_within, form_rules.sd_pooled), 0) as sd_used,
        form_rules.sd_pooled,
        form_rules.detector,
        form_rules.kind,
        form_rules.threshold_sd,
        form_rules.threshold_points,
        form_rules.threshold_operator,
        form_rules.item_threshold,
        form_rules.item_operator,
        form_rules.baseline_sessions,
        form_rules.limit_constant,
        form_rules.reference_episodes,
        form_rules.min_ratings,
        form_rules.sd_min_ratings,
        form_rules.repair_share,
        form_rules.strict_repair_sd,
        form_rules.resolved_from,
        form_rules.evidence,
        form_rules.rc_value,
        form_rules.reliability,
        form_rules.reliable_points,
        form_rules.is_more_needed

    from series

    inner join form_rules
        on
            series.instrument_id = form_rules.instrument_id
            and series.version = form_rules.version

),

needed as (

    select
        *,
        round(
            case
                when kind = 'drop_reliable' then reliable_points
                {# What a form says itself needs one of them; an SD needs more. #}
                when rating_count < sd_min_ratings then null
                else threshold_sd * sd_used
            end,
            9
        ) as fall_needed

    from applied

)

select
    *,
    case
        when rating_count < min_ratings then 'fewer than ' || min_ratings || ' ratings'
        when is_ceiling_limited then 'ceiling limited'
        when kind in ('drop_sd', 'drop_reliable') and pair_count = 0
            then 'no two neighboring sessions rated'
        when kind = 'drop_sd' and fall_needed is null then 'ratings do not vary'
        when kind = 'drop_reliable' and rc_value is null and reliability is null
            then 'no reliability in the registry'
        when kind = 'drop_reliable' and fall_needed is null
            then 'fewer than ' || reference_episodes || ' first ratings, or they do not vary'
        when kind = 'control_chart' and chart_count = 0
            then 'no rating after a baseline of ' || baseline_sessions || ' that varies'
    end as not_assessable_reason

from needed
