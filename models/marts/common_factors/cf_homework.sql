with

candidates as (

    select
        clinic_id,
        clinic_group,
        measure,
        exclusion_reason

    from {{ ref('int_cf_homework_candidates') }}

),

labeled as (

    select
        estimates.*,
        case
            when n_clients < {{ var('small_number', 11) }} or estimate is null then 'suppressed'
            when n_clients < 30 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_homework') }} as estimates

),

{% call cf_mart(
    by=['measure'],
    benchmark="benchmarks.table_name = 'cf_homework' and shown.measure || '_' || shown.parameter = benchmarks.metric",
    caution='association, not cause: clients who are getting better may also do more homework',
) %}
    shown.measure,
    shown.outcome_instrument_id,
    shown.parameter,
    case
        when shown.parameter = 'within_standardized' then 'SD of outcome per SD of homework'
        when shown.parameter = 'repeated_measures_r' then 'correlation'
        when shown.measure = 'set' then 'points of outcome, homework set against none'
        else 'points of outcome per 10 percent'
    end as unit,
    case when shown.n_clients >= {{ var('small_number', 11) }} then shown.n_pairs end as n_pairs,
{% endcall %}
