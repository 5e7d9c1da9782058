with

candidates as (

    select
        clinic_id,
        clinic_group,
        lag_direction,
        exclusion_reason

    from {{ ref('int_cf_symptom_lag_candidates') }}

),

labeled as (

    select
        estimates.*,
        case
            when n_clients < {{ var('small_number', 11) }} or estimate is null then 'suppressed'
            when n_clients < 30 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_alliance_symptom_lag') }} as estimates

),

{% call cf_mart(
    by=['lag_direction'],
    hidden=['agreement', 'n_instruments', 'serial_correlation_p', 'overidentification_p'],
    benchmark="benchmarks.table_name = 'cf_alliance_symptom_lag' and shown.lag_direction || '_' || shown.parameter = benchmarks.metric",
    caution='association, not cause: within is biased by few sessions, feedback and trends of single clients; name a direction only where agreement is agree',
) %}
    shown.lag_direction,
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    shown.outcome_instrument_id,
    shown.parameter,
    case
        when shown.parameter = 'within_standardized' then 'SD per SD'
        when shown.parameter = 'repeated_measures_r' then 'correlation'
        when shown.lag_direction = 'alliance_to_symptom'
            then 'points of outcome per 10 alliance points of 100'
        else 'alliance points of 100 per point of outcome'
    end as unit,
    case when shown.n_clients >= {{ var('small_number', 11) }} then shown.n_pairs end as n_pairs,
{% endcall %}
