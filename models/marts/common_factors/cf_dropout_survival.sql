with

estimates as (

    select * from {{ ref('int_cf_dropout_survival') }}

),

all_candidates as (

    select * from {{ ref('int_cf_dropout_curve_candidates') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        'all' as curve,
        exclusion_reason

    from all_candidates

    union all

    select
        clinic_id,
        clinic_group,
        'by_alliance' as curve,
        alliance_exclusion_reason as exclusion_reason

    from all_candidates

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', by=['curve']) }},

curves as (

    select
        scope_level,
        scope_id,
        alliance_instrument_id,
        alliance_tertile,
        max(n_clients) as n_clients

    from estimates

    group by
        scope_level,
        scope_id,
        alliance_instrument_id,
        alliance_tertile

),

used as (

    select
        scope_level,
        scope_id,
        alliance_instrument_id,
        case when alliance_tertile = 'all' then 'all' else 'by_alliance' end as curve,
        sum(n_clients) as used_count

    from curves

    group by
        scope_level,
        scope_id,
        alliance_instrument_id,
        case when alliance_tertile = 'all' then 'all' else 'by_alliance' end

),

labeled as (

    select
        estimates.*,
        case when alliance_tertile = 'all' then 'all' else 'by_alliance' end as curve,
        case
            when estimate is null or not is_publishable then 'suppressed'
            when n_at_risk < 30 then 'too imprecise'
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
    shown.curve,
    shown.alliance_instrument_id,
    shown.alliance_tertile,
    shown.session_number,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    cast(0.95 as double) as ci_level,
    case when shown.is_shown then shown.n_at_risk end as n_at_risk,
    case when shown.is_shown then shown.n_left end as n_left,
    shown.starts_after_session,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'used.used_count') }} as n_excluded,
    {{ cf_reasons_in_words('used.used_count') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: ending otherwise competes with dropout; unknown endings are censored' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.curve = exclusions.curve

inner join used
    on
        shown.scope_level = used.scope_level
        and shown.scope_id = used.scope_id
        and shown.curve = used.curve
        and shown.alliance_instrument_id is not distinct from used.alliance_instrument_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_dropout_survival'
        and shown.alliance_tertile = benchmarks.metric
        and benchmarks.evidence = 'verified'
