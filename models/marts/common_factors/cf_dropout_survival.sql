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
        {{ cf_precision(too_imprecise='n_at_risk < 30') }} as precision_label

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
    beside=['n_at_risk', 'n_left'],
    used='used_count',
    benchmark="benchmarks.table_name = 'cf_dropout_survival' and labeled.alliance_tertile = benchmarks.metric",
    caution='association, not cause: ending otherwise competes with dropout; unknown endings are censored',
) %}
    labeled.curve,
    labeled.alliance_instrument_id,
    labeled.alliance_tertile,
    labeled.session_number,
    labeled.starts_after_session,
{% endcall %}
