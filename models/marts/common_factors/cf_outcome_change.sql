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
        {{ cf_precision(too_imprecise='n_used < 11') }} as precision_label

    from {{ ref('int_cf_outcome_change') }}

),

{% call cf_mart(
    beside=['n_events'],
    clients=none,
    therapists=false,
    episodes='n_used',
    rest='not scored twice, not judged by the method or outside the denominator',
    benchmark="benchmarks.table_name = 'cf_outcome_change' and labeled.method || '_' || labeled.metric = benchmarks.metric",
    caution='pre-post, uncontrolled: change is not effect, and who answered twice differs from who did not',
) %}
    labeled.instrument_id,
    labeled.version,
    labeled.method,
    labeled.metric,
    labeled.denominator,
{% endcall %}
