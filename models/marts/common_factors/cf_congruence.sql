with

candidates as (

    select
        clinic_id,
        clinic_group,
        analysis,
        exclusion_reason

    from {{ ref('int_cf_congruence_candidates') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(
            too_few="n_clients < case when analysis = 'surface' then 50 else 20 end",
            too_imprecise="n_clients < case when analysis = 'surface' then 100 else 50 end",
        ) }} as precision_label

    from {{ ref('int_cf_congruence') }} as estimates

),

{% call cf_mart(
    by=['analysis'],
    beside=['r_squared'],
    benchmark="benchmarks.table_name = 'cf_congruence' and labeled.parameter = benchmarks.metric",
) %}
    labeled.client_instrument_id,
    labeled.therapist_instrument_id,
    labeled.outcome_instrument_id,
    labeled.analysis,
    labeled.parameter,
    case
        when labeled.parameter = 'bias' then 'percent of the maximum'
        when labeled.parameter in ('tracking_within', 'tracking_between') then 'correlation'
        when labeled.analysis = 'bias' then 'percent per percent'
        when labeled.parameter in ('a2', 'a4', 'b3', 'b4', 'b5')
            then 'points of outcome per (10 alliance points of 100) squared'
        else 'points of outcome per 10 alliance points of 100'
    end as unit,
    labeled.interval_from,
    labeled.n_sessions,
    case
        when labeled.analysis = 'bias'
            then 'agreement, not accuracy: neither view is the true one'
        else 'association, not cause; read the surface as a whole, not one slope'
    end as caution,
{% endcall %}
