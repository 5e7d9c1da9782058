with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_within_between_candidates') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(too_imprecise='n_clients < 30') }} as precision_label

    from {{ ref('int_cf_within_between_alliance') }} as estimates

),

{% call cf_mart(
    beside=['client_variance_share'],
    benchmark="benchmarks.table_name = 'cf_within_between_alliance' and labeled.parameter = benchmarks.metric",
    caution='association, not cause: biased by few sessions, feedback and trends of single clients; see agreement in cf_alliance_symptom_lag',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    'session t, outcome before the next attended session' as alliance_window,
    labeled.outcome_instrument_id,
    labeled.parameter,
    case
        when labeled.parameter = 'within_standardized' then 'SD of outcome per SD of alliance'
        when labeled.parameter = 'repeated_measures_r' then 'correlation'
        else 'points of outcome per 10 alliance points of 100'
    end as unit,
    labeled.n_pairs,
{% endcall %}
