with

all_candidates as (

    select * from {{ ref('int_cf_early_alliance_dropout_candidates') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        'risk' as analysis,
        risk_exclusion_reason as exclusion_reason

    from all_candidates

    union all

    select
        clinic_id,
        clinic_group,
        'hazard' as analysis,
        exclusion_reason

    from all_candidates

),

labeled as (

    select
        *,
        {{ cf_precision(
            too_imprecise="n_clients < 11 or smallest_cell < 11"
            ~ " and metric not in ('risk_low', 'risk_middle', 'risk_high')",
            exploratory="metric = 'hazard_ratio_per_sd' and n_therapists < 10",
        ) }} as precision_label,
        sum(
            case
                when metric in ('risk_low', 'risk_middle', 'risk_high', 'hazard_ratio_per_sd')
                    then n_clients
                else 0
            end
        ) over (
            partition by scope_level, scope_id, alliance_instrument_id, analysis
        ) as used_count

    from {{ ref('int_cf_early_alliance_dropout') }}

),

{% call cf_mart(
    by=['analysis'],
    beside=['alliance_above', 'alliance_up_to', 'n_dropouts'],
    used='used_count',
    benchmark="benchmarks.table_name = 'cf_early_alliance_dropout' and labeled.metric = benchmarks.metric",
    caution='association, not cause: only clients still in treatment at session 3 who rated it',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    'session 3' as alliance_window,
    labeled.metric,
{% endcall %}
