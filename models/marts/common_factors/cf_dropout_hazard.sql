with

estimates as (

    select * from {{ ref('int_cf_dropout_hazard') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        case
            when max(case when is_used then 1 else 0 end) = 1 or exclusion_reason is not null
                then exclusion_reason
            else 'no session after which it is known whether the client came again'
        end as exclusion_reason

    from {{ ref('int_cf_dropout_hazard_candidates') }}

    group by
        clinic_id,
        clinic_group,
        episode_key,
        exclusion_reason

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
        estimates.*,
        case
            when estimate is null or n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when smallest_cell between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when n_therapists < 10 then 'exploratory'
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
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    'rating of the last attended session before the one at risk' as alliance_window,
    shown.metric,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.n_dropouts end as n_dropouts,
    case when shown.is_shown then shown.n_sessions end as n_sessions,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_clients') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: an unrated session is often a bad one, see hazard_ratio_not_rated' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_dropout_hazard'
        and shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
