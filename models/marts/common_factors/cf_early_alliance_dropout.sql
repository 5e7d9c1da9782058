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

{# A cell of 1 to small_number - 1 hides the row; an empty cell may be shown (domain 4.20). #}
labeled as (

    select
        *,
        case
            when estimate is null then 'suppressed'
            when n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when smallest_cell between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when metric = 'hazard_ratio_per_sd' and n_therapists < 10 then 'exploratory'
            else 'reportable'
        end as precision_label,
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
    hidden=['alliance_above', 'alliance_up_to', 'n_dropouts'],
    used='used_count',
    benchmark="benchmarks.table_name = 'cf_early_alliance_dropout' and shown.metric = benchmarks.metric",
    caution='association, not cause: only clients still in treatment at session 3 who rated it',
) %}
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    'session 3' as alliance_window,
    shown.metric,
{% endcall %}
