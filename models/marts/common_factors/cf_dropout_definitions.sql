with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_dropout_candidates') }}

),

scoped as (

    {{ cf_scoped('candidates') }}

),

{# Ended, but nobody wrote down how: neither dropout nor completion. #}
endings as (

    select
        scope_level,
        scope_id,
        sum(case when exclusion_reason = 'discharge reason unknown' then 1 else 0 end)
            as unknown_count,
        sum(
            case
                when exclusion_reason is null or exclusion_reason = 'discharge reason unknown' then 1
                else 0
            end
        ) as ended_count

    from scoped

    group by
        scope_level,
        scope_id

),

labeled as (

    select
        estimates.*,
        endings.unknown_count,
        endings.ended_count,
        estimates.n_eligible - estimates.n_used as n_unknown,
        {{ cf_precision(too_imprecise='n_used < 11') }} as precision_label

    from {{ ref('int_cf_dropout_definitions') }} as estimates

    inner join endings
        on
            estimates.scope_level = endings.scope_level
            and estimates.scope_id = endings.scope_id

),

{% set reasons %}nullif(
        concat_ws(
            '; ',
            exclusions.reasons,
            case
                when labeled.n_unknown > 0
                    then 'definition cannot be judged: ' || labeled.n_unknown
            end
        ),
        ''
    ){% endset %}

{% call cf_mart(
    beside=['n_positive'],
    clients=none,
    episodes='n_used',
    reasons=reasons,
    benchmark="benchmarks.table_name = 'cf_dropout_definitions' and labeled.definition = benchmarks.metric and labeled.metric = 'rate'",
    caution='association, not cause: rates differ by definition, so compare like with like',
) %}
    labeled.metric,
    labeled.definition,
    labeled.compared_definition,
    100.0 * labeled.n_unknown / nullif(labeled.n_eligible, 0) as not_judged_percent,
    cast(100.0 * labeled.unknown_count / nullif(labeled.ended_count, 0) as double)
        as discharge_unknown_percent,
{% endcall %}
