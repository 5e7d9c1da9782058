with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_within_between_therapist_candidates') }}

),

labeled as (

    select
        estimates.*,
        case
            when estimate is null or n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when n_therapists_with_caseload < 10 then 'suppressed'
            when n_therapists_with_caseload < 30 then 'exploratory'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_within_between_therapist') }} as estimates

),

{% call cf_mart(
    hidden=['therapist_variance_share', 'alliance_icc'],
    benchmark="benchmarks.table_name = 'cf_within_between_therapist' and shown.parameter = benchmarks.metric",
    caution='association, not cause: studies disagree on which of the two parts predicts outcome',
) %}
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    'mean of sessions 3 to 5, else the latest up to 5' as alliance_window,
    shown.outcome_instrument_id,
    shown.parameter,
    'points of last score per 10 alliance points of 100' as unit,
    shown.n_therapists_with_caseload,
{% endcall %}
