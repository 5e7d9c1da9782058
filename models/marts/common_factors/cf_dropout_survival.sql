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
        used.curve,
        used.used_count,
        case
            when estimates.estimate is null or not estimates.is_publishable then 'suppressed'
            when estimates.n_at_risk < 30 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from estimates

    inner join used
        on
            estimates.scope_level = used.scope_level
            and estimates.scope_id = used.scope_id
            and case when estimates.alliance_tertile = 'all' then 'all' else 'by_alliance' end
            = used.curve
            and estimates.alliance_instrument_id is not distinct from used.alliance_instrument_id

),

{% call cf_mart(
    by=['curve'],
    hidden=['n_at_risk', 'n_left'],
    used='used_count',
    benchmark="benchmarks.table_name = 'cf_dropout_survival' and shown.alliance_tertile = benchmarks.metric",
    caution='association, not cause: ending otherwise competes with dropout; unknown endings are censored',
) %}
    shown.curve,
    shown.alliance_instrument_id,
    shown.alliance_tertile,
    shown.session_number,
    shown.starts_after_session,
{% endcall %}
