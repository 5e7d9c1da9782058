with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_trajectory_candidates') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(too_imprecise='n_clients < 50') }} as precision_label

    from {{ ref('int_cf_alliance_trajectory') }} as estimates

    where metric is not null

),

{% call cf_mart(
    beside=['n_of_shape'],
    benchmark="benchmarks.table_name = 'cf_alliance_trajectory_summary' and labeled.metric = benchmarks.metric",
    caution='association, not cause: who leaves early has no trajectory, and slopes say little about outcome',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    labeled.metric,
    case
        when labeled.metric in ('typical_slope', 'slope_sd')
            then 'alliance points of 100 per unit of log session number'
        when labeled.metric = 'slope_improvement_r' then 'correlation'
        else 'share'
    end as unit,
{% endcall %}
