with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_outcome_candidates') }}

),

labeled as (

    select
        *,
        case
            when estimate is null or n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_used < 30 then 'too imprecise'
            when n_used < 100 then 'exploratory'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_effect_size') }}

),

{% call cf_mart(
    hidden=['mean_improvement', 'correlation'],
    clients=none,
    therapists=none,
    episodes='n_used',
    rest='not scored twice on it',
    benchmark="benchmarks.table_name = 'cf_effect_size' and shown.metric = benchmarks.metric",
    caution='pre-post, uncontrolled: mixes treatment with regression to the mean, natural recovery and selection',
) %}
    shown.instrument_id,
    shown.version,
    shown.metric,
    shown.formula,
{% endcall %}
