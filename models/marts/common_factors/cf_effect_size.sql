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
        {{ cf_precision(too_imprecise='n_used < 30', exploratory='n_used < 100') }}
            as precision_label

    from {{ ref('int_cf_effect_size') }}

),

{% call cf_mart(
    beside=['mean_improvement', 'correlation'],
    clients=none,
    therapists=false,
    episodes='n_used',
    rest='not scored twice on it',
    benchmark="benchmarks.table_name = 'cf_effect_size' and labeled.metric = benchmarks.metric",
    caution='pre-post, uncontrolled: mixes treatment with regression to the mean, natural recovery and selection',
) %}
    labeled.instrument_id,
    labeled.version,
    labeled.metric,
    labeled.formula,
{% endcall %}
