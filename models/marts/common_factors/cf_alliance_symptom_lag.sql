with

estimates as (

    select * from {{ ref('int_cf_alliance_symptom_lag') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        lag_direction,
        exclusion_reason

    from {{ ref('int_cf_symptom_lag_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', by=['lag_direction']) }},

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
    shown.lag_direction,
    shown.alliance_instrument_id,
    'client' as alliance_rater,
    shown.outcome_instrument_id,
    shown.parameter,
    case
        when shown.parameter = 'within_standardized' then 'SD per SD'
        when shown.parameter = 'repeated_measures_r' then 'correlation'
        when shown.lag_direction = 'alliance_to_symptom'
            then 'points of outcome per 10 alliance points of 100'
        else 'alliance points of 100 per point of outcome'
    end as unit,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.n_clients >= {{ var('small_number', 11) }} then shown.n_pairs end as n_pairs,
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
    'association, not cause: few sessions per client bias lagged models a little, in both directions' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.lag_direction = exclusions.lag_direction

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_alliance_symptom_lag'
        and shown.lag_direction || '_' || shown.parameter = benchmarks.metric
        and benchmarks.evidence = 'verified'
