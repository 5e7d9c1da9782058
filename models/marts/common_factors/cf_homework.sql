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
        {{ cf_precision(too_imprecise='n_clients < 30') }} as precision_label

    from {{ ref('int_cf_homework') }} as estimates

),

{% call cf_mart(
    by=['measure'],
    benchmark="benchmarks.table_name = 'cf_homework' and labeled.measure || '_' || labeled.parameter = benchmarks.metric",
    caution='association, not cause: clients who are getting better may also do more homework',
) %}
    labeled.measure,
    labeled.outcome_instrument_id,
    labeled.parameter,
    case
        when labeled.parameter = 'within_standardized' then 'SD of outcome per SD of homework'
        when labeled.parameter = 'repeated_measures_r' then 'correlation'
        when labeled.measure = 'set' then 'points of outcome, homework set against none'
        else 'points of outcome per 10 percent'
    end as unit,
    labeled.n_pairs,
{% endcall %}
