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
        {{ cf_precision(
            too_few='n_therapists_with_caseload < 10', exploratory='n_therapists_with_caseload < 30'
        ) }} as precision_label

    from {{ ref('int_cf_within_between_therapist') }} as estimates

),

{% call cf_mart(
    beside=['therapist_variance_share', 'alliance_icc'],
    benchmark="benchmarks.table_name = 'cf_within_between_therapist' and labeled.parameter = benchmarks.metric",
    caution='association, not cause: studies disagree on which of the two parts predicts outcome',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    'mean of sessions 3 to 5, else the latest up to 5' as alliance_window,
    labeled.outcome_instrument_id,
    labeled.parameter,
    'points of last score per 10 alliance points of 100' as unit,
    labeled.n_therapists_with_caseload,
{% endcall %}
