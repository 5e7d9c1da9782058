{% set small = var('small_number', 11) %}

with

estimates as (

    select * from {{ ref('int_cf_congruence') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        analysis,
        exclusion_reason

    from {{ ref('int_cf_congruence_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', ['analysis']) }},

labeled as (

    select
        estimates.*,
        case
            when
                estimates.estimate is null
                or estimates.n_clients
                < case
                    when estimates.analysis = 'surface' then greatest({{ small }}, 50)
                    else greatest({{ small }}, 20)
                end
                then 'suppressed'
            when estimates.n_clients < case when estimates.analysis = 'surface' then 100 else 50 end
                then 'too imprecise'
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
    shown.client_instrument_id,
    shown.therapist_instrument_id,
    shown.outcome_instrument_id,
    shown.analysis,
    shown.parameter,
    case
        when shown.parameter = 'bias' then 'percent of the maximum'
        when shown.parameter in ('tracking_within', 'tracking_between') then 'correlation'
        when shown.analysis = 'bias' then 'percent per percent'
        when shown.parameter in ('a2', 'a4', 'b3', 'b4', 'b5')
            then 'points of outcome per (10 alliance points of 100) squared'
        else 'points of outcome per 10 alliance points of 100'
    end as unit,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    shown.interval_from,
    case when shown.is_shown then shown.r_squared end as r_squared,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    case when shown.n_clients >= {{ small }} then shown.n_sessions end as n_sessions,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_clients') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    case
        when shown.analysis = 'bias'
            then 'agreement, not accuracy: neither view is the true one'
        else 'association, not cause; read the surface as a whole, not one slope'
    end as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.analysis = exclusions.analysis

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_congruence'
        and shown.parameter = benchmarks.metric
        and benchmarks.evidence = 'verified'
