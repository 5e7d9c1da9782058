with

estimates as (

    select * from {{ ref('int_cf_homework') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        measure,
        exclusion_reason

    from {{ ref('int_cf_homework_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', ['measure']) }},

labeled as (

    select
        estimates.*,
        case
            when n_clients < {{ var('small_number', 11) }} or estimate is null then 'suppressed'
            when n_clients < 30 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    shown.measure,
    shown.outcome_instrument_id,
    shown.parameter,
    case
        when shown.parameter = 'within_standardized' then 'SD of outcome per SD of homework'
        when shown.parameter = 'repeated_measures_r' then 'correlation'
        when shown.measure = 'set' then 'points of outcome, homework set against none'
        else 'points of outcome per 10 percent'
    end as unit,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    case when shown.n_clients >= {{ var('small_number', 11) }} then shown.n_pairs end as n_pairs,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_clients') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: clients who are getting better may also do more homework' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.measure = exclusions.measure

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_homework'
        and shown.measure || '_' || shown.parameter = benchmarks.metric
        and benchmarks.evidence = 'verified'
