with

estimates as (

    select * from {{ ref('int_cf_alliance_outcome') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_alliance_outcome_candidates') }}

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
            when n_clients < greatest({{ var('small_number', 11) }}, 20) or estimate is null
                then 'suppressed'
            when n_clients < 50 then 'too imprecise'
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
    'sessions {{ var("early_alliance_first_session", 3) }} to '
    || '{{ var("early_alliance_last_session", 5) }}, else the latest before' as alliance_window,
    shown.outcome_instrument_id,
    'last score after the window, given the first' as outcome_metric,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.cluster_ci_low end as cluster_ci_low,
    case when shown.is_shown then shown.cluster_ci_high end as cluster_ci_high,
    case when shown.is_shown then shown.zero_order_r end as zero_order_r,
    case when shown.is_shown then shown.zero_order_r_ci_low end as zero_order_r_ci_low,
    case when shown.is_shown then shown.zero_order_r_ci_high end as zero_order_r_ci_high,
    case when shown.is_shown then shown.spearman_r end as spearman_r,
    case when shown.is_shown then shown.spearman_r_ci_low end as spearman_r_ci_low,
    case when shown.is_shown then shown.spearman_r_ci_high end as spearman_r_ci_high,
    case when shown.is_shown then shown.alliance_mean end as alliance_mean,
    case when shown.is_shown then shown.alliance_sd end as alliance_sd,
    case when shown.is_shown then shown.ceiling_percent end as ceiling_percent,
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
    'association, not cause: clients who improve early may also rate the alliance higher'
        as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.benchmark_id = 'fluckiger_2018_r'
        and benchmarks.evidence = 'verified'
