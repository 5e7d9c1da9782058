with

estimates as (

    select * from {{ ref('int_cf_dropout_definitions') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_dropout_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates') }},

{# Ended, but nobody wrote down how: neither dropout nor completion. #}
endings as (

    select
        scope_level,
        scope_id,
        sum(case when exclusion_reason = 'discharge reason unknown' then reason_count else 0 end)
            as unknown_count,
        sum(
            case
                when exclusion_reason is null or exclusion_reason = 'discharge reason unknown'
                    then reason_count
                else 0
            end
        ) as ended_count

    from reason_counts

    group by
        scope_level,
        scope_id

),

{# A count of 1 to small_number - 1 on either side of a share would follow from the share. #}
labeled as (

    select
        estimates.*,
        n_eligible - n_used as n_unknown,
        case
            when estimate is null then 'suppressed'
            when n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_positive between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when n_used - n_positive between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown,
        n_unknown between 1 and {{ var('small_number', 11) - 1 }} as is_unknown_small

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    shown.metric,
    shown.definition,
    shown.compared_definition,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.n_positive end as n_positive,
    {{ cf_visible_count('shown.n_used') }} as n_episodes,
    case
        when not shown.is_unknown_small then 100.0 * shown.n_unknown / nullif(shown.n_eligible, 0)
    end as not_judged_percent,
    case
        when not endings.unknown_count between 1 and {{ var('small_number', 11) - 1 }}
            then cast(100.0 * endings.unknown_count / nullif(endings.ended_count, 0) as double)
    end as discharge_unknown_percent,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_used') }} as n_excluded,
    nullif(
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
    ) as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: rates differ by definition, so compare like with like' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

inner join endings
    on
        shown.scope_level = endings.scope_level
        and shown.scope_id = endings.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_dropout_definitions'
        and shown.definition = benchmarks.metric
        and shown.metric = 'rate'
        and benchmarks.evidence = 'verified'
