with

candidates as (

    select
        clinic_id,
        clinic_group,
        'score' as analysis,
        exclusion_reason

    from {{ ref('int_cf_therapist_candidates') }}

    union all

    select
        clinic_id,
        clinic_group,
        'dropout' as analysis,
        exclusion_reason

    from {{ ref('int_cf_therapist_dropout_candidates') }}

),

labeled as (

    select
        estimates.*,
        case when metric = 'icc_dropout' then 'dropout' else 'score' end as analysis,
        case
            when
                n_events between 1 and {{ var('small_number', 11) - 1 }}
                or n_clients - n_events between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            when estimate is null or n_therapists < 10 or n_clients < 200 then 'suppressed'
            when n_therapists < 40 or n_clients < 1200 then 'exploratory'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_therapist_effect') }} as estimates

),

{% call cf_mart(
    by=['analysis'],
    hidden=['icc_unadjusted', 'var_therapist', 'var_residual', 'is_boundary'],
    benchmark="benchmarks.table_name = 'cf_therapist_effect' and shown.metric = benchmarks.metric",
    caution='association, not cause: clients are not assigned to therapists at random',
) %}
    shown.outcome_instrument_id,
    shown.metric,
    shown.model,
{% endcall %}
