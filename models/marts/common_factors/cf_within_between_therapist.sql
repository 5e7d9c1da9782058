with

estimates as (

    select * from {{ ref('int_cf_within_between_therapist') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_within_between_therapist_candidates') }}

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
            when n_therapists_with_caseload < 10 then 'suppressed'
            when n_therapists_with_caseload < 30 then 'exploratory'
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
    'mean of sessions 3 to 5, else the latest up to 5' as alliance_window,
    shown.outcome_instrument_id,
    shown.parameter,
    'points of last score per 10 alliance points of 100' as unit,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.therapist_variance_share end as therapist_variance_share,
    case when shown.is_shown then shown.alliance_icc end as alliance_icc,
    shown.n_therapists_with_caseload,
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
    'association, not cause: studies disagree on which of the two parts predicts outcome' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_within_between_therapist'
        and shown.parameter = benchmarks.metric
        and benchmarks.evidence = 'verified'
