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
        {{ cf_precision(too_imprecise='n_clients < 30') }} as precision_label

    from {{ ref('int_cf_alliance_symptom_lag') }} as estimates

),

{% call cf_mart(
    by=['lag_direction'],
    beside=['agreement', 'n_instruments', 'serial_correlation_p', 'overidentification_p'],
    benchmark="benchmarks.table_name = 'cf_alliance_symptom_lag' and labeled.lag_direction || '_' || labeled.parameter = benchmarks.metric",
    caution='association, not cause: within is biased by few sessions, feedback and trends of single clients; name a direction only where agreement is agree',
) %}
    labeled.lag_direction,
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    labeled.outcome_instrument_id,
    labeled.parameter,
    case
        when labeled.parameter = 'within_standardized' then 'SD per SD'
        when labeled.parameter = 'repeated_measures_r' then 'correlation'
        when labeled.lag_direction = 'alliance_to_symptom'
            then 'points of outcome per 10 alliance points of 100'
        else 'alliance points of 100 per point of outcome'
    end as unit,
    labeled.n_pairs,
{% endcall %}
