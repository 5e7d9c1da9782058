{% set small = var('small_number', 11) %}

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

{# A count of 1 to small_number - 1 on either side of a share would follow from the share. #}
labeled as (

    select
        estimates.*,
        endings.unknown_count,
        endings.ended_count,
        estimates.n_eligible - estimates.n_used as n_unknown,
        case
            when estimates.estimate is null then 'suppressed'
            when estimates.n_used < {{ small }} then 'suppressed'
            when estimates.n_positive between 1 and {{ small - 1 }} then 'suppressed'
            when estimates.n_used - estimates.n_positive between 1 and {{ small - 1 }}
                then 'suppressed'
            else 'reportable'
        end as precision_label

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
                when shown.n_unknown > 0
                    then 'definition cannot be judged: '
                    || {{ cf_count_in_words('shown.n_unknown') }}
            end
        ),
        ''
    ){% endset %}

{% call cf_mart(
    hidden=['n_positive'],
    clients=none,
    episodes='n_used',
    reasons=reasons,
    benchmark="benchmarks.table_name = 'cf_dropout_definitions' and shown.definition = benchmarks.metric and shown.metric = 'rate'",
    caution='association, not cause: rates differ by definition, so compare like with like',
) %}
    shown.metric,
    shown.definition,
    shown.compared_definition,
    case
        when not shown.n_unknown between 1 and {{ small - 1 }}
            then 100.0 * shown.n_unknown / nullif(shown.n_eligible, 0)
    end as not_judged_percent,
    case
        when not shown.unknown_count between 1 and {{ small - 1 }}
            then cast(100.0 * shown.unknown_count / nullif(shown.ended_count, 0) as double)
    end as discharge_unknown_percent,
{% endcall %}
