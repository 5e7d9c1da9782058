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
        case
            when n_clients < {{ var('small_number', 11) }} or estimate is null then 'suppressed'
            when n_clients < 30 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_within_between_alliance') }} as estimates

),

{% call cf_mart(
    hidden=['client_variance_share'],
    benchmark="benchmarks.table_name = 'cf_within_between_alliance' and shown.parameter = benchmarks.metric",
    caution='association, not cause: biased by few sessions, feedback and trends of single clients; see agreement in cf_alliance_symptom_lag',
) %}
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    'session t, outcome before the next attended session' as alliance_window,
    shown.outcome_instrument_id,
    shown.parameter,
    case
        when shown.parameter = 'within_standardized' then 'SD of outcome per SD of alliance'
        when shown.parameter = 'repeated_measures_r' then 'correlation'
        else 'points of outcome per 10 alliance points of 100'
    end as unit,
    case when shown.n_clients >= {{ var('small_number', 11) }} then shown.n_pairs end as n_pairs,
{% endcall %}
