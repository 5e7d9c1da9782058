with

estimates as (

    select * from {{ ref('int_cf_therapist_effect') }}

),

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

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', by=['analysis']) }},

labeled as (

    select
        estimates.*,
        case when metric = 'icc_dropout' then 'dropout' else 'score' end as analysis,
        case
            when
                n_events between 1 and {{ var('small_number', 11) - 1 }}
                or n_clients - n_events between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            when estimate is null or n_therapists < 10 or n_clients < 200 then 'suppressed'
            when n_therapists < 40 or n_clients < 1200 then 'exploratory'
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
    shown.outcome_instrument_id,
    shown.metric,
    shown.model,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.icc_unadjusted end as icc_unadjusted,
    case when shown.is_shown then shown.var_therapist end as var_therapist,
    case when shown.is_shown then shown.var_residual end as var_residual,
    case when shown.is_shown then shown.is_boundary end as is_boundary,
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
    'association, not cause: clients are not assigned to therapists at random' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.analysis = exclusions.analysis

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_therapist_effect'
        and shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
