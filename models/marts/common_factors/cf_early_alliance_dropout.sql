with

estimates as (

    select * from {{ ref('int_cf_early_alliance_dropout') }}

),

all_candidates as (

    select * from {{ ref('int_cf_early_alliance_dropout_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        'risk' as analysis,
        risk_exclusion_reason as exclusion_reason

    from all_candidates

    union all

    select
        clinic_id,
        clinic_group,
        'hazard' as analysis,
        exclusion_reason

    from all_candidates

),

{{ cf_exclusions('candidates', by=['analysis']) }},

used as (

    select
        scope_level,
        scope_id,
        alliance_instrument_id,
        analysis,
        sum(
            case
                when metric in ('risk_low', 'risk_middle', 'risk_high', 'hazard_ratio_per_sd')
                    then n_clients
                else 0
            end
        ) as used_count

    from estimates

    group by
        scope_level,
        scope_id,
        alliance_instrument_id,
        analysis

),

{# A cell of 1 to small_number - 1 hides the row; an empty cell may be shown (domain 4.20). #}
labeled as (

    select
        estimates.*,
        case
            when estimate is null then 'suppressed'
            when n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when smallest_cell between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when metric = 'hazard_ratio_per_sd' and n_therapists < 10 then 'exploratory'
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
    'session 3' as alliance_window,
    shown.metric,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.alliance_above end as alliance_above,
    case when shown.is_shown then shown.alliance_up_to end as alliance_up_to,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    case when shown.is_shown then shown.n_dropouts end as n_dropouts,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'used.used_count') }} as n_excluded,
    {{ cf_reasons_in_words('used.used_count') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: only clients still in treatment at session 3 who rated it' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.analysis = exclusions.analysis

inner join used
    on
        shown.scope_level = used.scope_level
        and shown.scope_id = used.scope_id
        and shown.alliance_instrument_id = used.alliance_instrument_id
        and shown.analysis = used.analysis

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_early_alliance_dropout'
        and shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
