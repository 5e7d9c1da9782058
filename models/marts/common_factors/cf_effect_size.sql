with

estimates as (

    select * from {{ ref('int_cf_effect_size') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_outcome_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates') }},

labeled as (

    select
        *,
        case
            when estimate is null or n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_used < 30 then 'too imprecise'
            when n_used < 100 then 'exploratory'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        *,
        precision_label <> 'suppressed' as is_shown

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    shown.instrument_id,
    shown.version,
    shown.metric,
    shown.formula,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.mean_improvement end as mean_improvement,
    case when shown.is_shown then shown.correlation end as correlation,
    {{ cf_visible_count('shown.n_used') }} as n_episodes,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_used') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_used', 'not scored twice on it') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'pre-post, uncontrolled: mixes treatment with regression to the mean, natural recovery and selection'
        as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_effect_size'
        and shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
