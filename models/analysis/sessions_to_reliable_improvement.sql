{#
    The product-limit estimate (Kaplan and Meier 1958) in plain SQL. An episode that has not
    improved leaves the count after its last scored session, it is not counted as never improving.
#}
with

changes as (

    select
        changes.clinic_id,
        changes.episode_key,
        changes.instrument_id,
        changes.score_pre,
        methods.direction,
        methods.post_weight,
        methods.pre_weight,
        methods.constant,
        methods.critical,
        methods.operator

    from {{ ref('fct_episode_change').include(database=false) }} as changes

    inner join {{ ref('dim_change_methods').include(database=false) }} as methods
        on
            changes.instrument_id = methods.instrument_id
            and changes.version = methods.version
            and changes.method = methods.method

    where changes.is_primary_outcome and changes.method = 'registry'

),

sessions as (

    select
        changes.clinic_id,
        changes.episode_key,
        changes.instrument_id as outcome_instrument_id,
        scored.session_number,
        {{ compare(
            'changes.direction * (changes.post_weight * scored.outcome_score'
            ' + changes.pre_weight * changes.score_pre + changes.constant)',
            'changes.operator',
            'changes.critical'
        ) }} as is_improved

    from changes

    inner join {{ ref('fct_session_process').include(database=false) }} as scored
        on
            changes.episode_key = scored.episode_key
            and changes.instrument_id = scored.outcome_instrument_id

    where scored.outcome_score is not null and scored.session_number is not null

),

courses as (

    select
        clinic_id,
        outcome_instrument_id,
        episode_key,
        coalesce(min(session_number) filter (where is_improved), max(session_number))
            as session_number,
        bool_or(is_improved) as is_improved

    from sessions

    group by
        clinic_id,
        outcome_instrument_id,
        episode_key

),

counted as (

    select
        clinic_id,
        outcome_instrument_id,
        session_number,
        count(*) as n_leaving,
        count(*) filter (where is_improved) as n_improved

    from courses

    group by
        clinic_id,
        outcome_instrument_id,
        session_number

),

at_risk as (

    select
        *,
        cast(sum(n_leaving) over (
            partition by clinic_id, outcome_instrument_id
            order by session_number
            rows between current row and unbounded following
        ) as bigint) as n_at_risk

    from counted

),

estimated as (

    select
        'clinic' as scope_level,
        clinic_id as scope_id,
        clinic_id,
        outcome_instrument_id,
        session_number,
        n_at_risk,
        n_improved,
        1 - product(1 - n_improved / cast(n_at_risk as double)) over (
            partition by clinic_id, outcome_instrument_id
            order by session_number
            rows between unbounded preceding and current row
        ) as share_improved_by

    from at_risk

)

select * from estimated
