{% set small = var('small_number', 11) %}

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
        case
            when
                estimates.estimate is null
                or estimates.n_clients
                < case
                    when estimates.analysis = 'surface' then greatest({{ small }}, 50)
                    else greatest({{ small }}, 20)
                end
                then 'suppressed'
            when estimates.n_clients < case when estimates.analysis = 'surface' then 100 else 50 end
                then 'too imprecise'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_congruence') }} as estimates

),

{% call cf_mart(
    by=['analysis'],
    hidden=['r_squared'],
    benchmark="benchmarks.table_name = 'cf_congruence' and shown.parameter = benchmarks.metric",
) %}
    shown.client_instrument_id,
    shown.therapist_instrument_id,
    shown.outcome_instrument_id,
    shown.analysis,
    shown.parameter,
    case
        when shown.parameter = 'bias' then 'percent of the maximum'
        when shown.parameter in ('tracking_within', 'tracking_between') then 'correlation'
        when shown.analysis = 'bias' then 'percent per percent'
        when shown.parameter in ('a2', 'a4', 'b3', 'b4', 'b5')
            then 'points of outcome per (10 alliance points of 100) squared'
        else 'points of outcome per 10 alliance points of 100'
    end as unit,
    shown.interval_from,
    case when shown.n_clients >= {{ small }} then shown.n_sessions end as n_sessions,
    case
        when shown.analysis = 'bias'
            then 'agreement, not accuracy: neither view is the true one'
        else 'association, not cause; read the surface as a whole, not one slope'
    end as caution,
{% endcall %}
