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
        {{ cf_precision(
            too_few='n_therapists < 10 or n_clients < 200 or n_events < 11 or n_clients - n_events < 11',
            exploratory='n_therapists < 40 or n_clients < 1200',
        ) }} as precision_label

    from {{ ref('int_cf_therapist_effect') }} as estimates

),

{% call cf_mart(
    by=['analysis'],
    beside=['icc_unadjusted', 'var_therapist', 'var_residual', 'is_boundary'],
    benchmark="benchmarks.table_name = 'cf_therapist_effect' and labeled.metric = benchmarks.metric",
    caution='association, not cause: clients are not assigned to therapists at random',
) %}
    labeled.outcome_instrument_id,
    labeled.metric,
    labeled.model,
{% endcall %}
