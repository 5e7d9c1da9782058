with

estimates as (

    select * from {{ ref('int_cf_variance_shares') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        shares_exclusion_reason as exclusion_reason

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
    shown.alliance_instrument_id,
    shown.outcome_instrument_id,
    shown.source,
    'share averaged over all orders of entry (Shapley, LMG), first score held equal' as decomposition,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    shown.n_modalities,
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
    'association, not cause: shares of what is left after the first score, not of the effect of treatment' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_variance_shares'
        and shown.source = benchmarks.metric
        and benchmarks.evidence = 'verified'
