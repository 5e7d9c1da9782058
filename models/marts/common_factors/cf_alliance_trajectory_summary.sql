with

estimates as (

    select *

    from {{ ref('int_cf_alliance_trajectory') }}

    where metric is not null

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_trajectory_candidates') }}

),

{# One hidden shape could be had from the others: then the next smallest is hidden as well. #}
hidden as (

    select
        scope_level,
        scope_id,
        alliance_instrument_id,
        count(case when n_of_shape between 1 and {{ var('small_number', 11) - 1 }} then 1 end) = 1
            as has_hidden_shape,
        min(case when n_of_shape >= {{ var('small_number', 11) }} then n_of_shape end)
            as least_shown

    from estimates

    group by
        scope_level,
        scope_id,
        alliance_instrument_id

),

labeled as (

    select
        estimates.*,
        case
            when estimates.estimate is null or estimates.n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when estimates.n_of_shape between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when estimates.n_clients - estimates.n_of_shape between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when
                hidden.has_hidden_shape
                and estimates.metric like 'share_%'
                and estimates.n_of_shape = hidden.least_shown
                then 'suppressed'
            when estimates.n_clients < 50 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from estimates

    inner join hidden
        on
            estimates.scope_level = hidden.scope_level
            and estimates.scope_id = hidden.scope_id
            and estimates.alliance_instrument_id = hidden.alliance_instrument_id

),

{% call cf_mart(
    hidden=['n_of_shape'],
    benchmark="benchmarks.table_name = 'cf_alliance_trajectory_summary' and shown.metric = benchmarks.metric",
    caution='association, not cause: who leaves early has no trajectory, and slopes say little about outcome',
) %}
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    shown.metric,
    case
        when shown.metric in ('typical_slope', 'slope_sd')
            then 'alliance points of 100 per unit of log session number'
        when shown.metric = 'slope_improvement_r' then 'correlation'
        else 'share'
    end as unit,
{% endcall %}
