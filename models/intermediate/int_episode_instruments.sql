{#
    The instrument each episode is followed with, by role: client_alliance, therapist_alliance,
    outcome. One scored at least twice before one scored once. Then, for the outcome, the client's
    own rating before a parent's or carer's, and the order config/primary_measures.csv declares: first
    for the episode's problem, then for any. Then the most scored forms, both thresholds, name and
    version. A form that a bridged course reads as another instrument does not stand for its own.
#}

with

scores as (

    select * from {{ ref('int_followed_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

unordered as (

    select * from {{ ref('int_unordered_episodes') }}

),

episodes as (

    select
        episode_key,
        problem

    from {{ ref('int_episodes') }}

),

preferences as (

    select * from {{ ref('primary_measures') }}

),

roles as (

    select
        *,
        case
            when family = 'outcome' and rater in ('client', 'observer') then 'outcome'
            when family = 'alliance' and rater = 'client' then 'client_alliance'
            when family = 'alliance' and rater = 'therapist' then 'therapist_alliance'
        end as role

    from scales

    where is_primary

),

counted as (

    select
        scores.episode_key,
        roles.role,
        scores.instrument_id,
        scores.version,
        scores.rater,
        {{ count_in_time('scores.completed_at') }} as n_scores

    from scores

    inner join roles
        on
            scores.instrument_id = roles.instrument_id
            and scores.version = roles.version
            and scores.rater = roles.rater
            and scores.scale = roles.scale

    {{ anti_join() }} unordered on scores.episode_key = unordered.episode_key

    where
        roles.role is not null
        and scores.is_continued_elsewhere is not true
        and scores.score is not null
        and scores.episode_key is not null

    group by
        scores.episode_key,
        roles.role,
        scores.instrument_id,
        scores.version,
        scores.rater

),

ranked as (

    select
        counted.episode_key,
        counted.n_scores,
        roles.role,
        roles.instrument_id,
        roles.version,
        roles.rater,
        roles.family,
        roles.scale,
        roles.score_min,
        roles.score_max,
        roles.direction,
        roles.cutoff_value,
        roles.cutoff_operator,
        roles.rc_value,
        roles.rc_operator,
        row_number() over (
            partition by counted.episode_key, roles.role
            order by
                case when counted.n_scores >= 2 then 0 else 1 end,
                case when roles.rater = 'observer' then 1 else 0 end,
                coalesce(of_problem.preference, 1000),
                coalesce(of_any.preference, 1000),
                counted.n_scores desc,
                case
                    when roles.cutoff_value is not null and roles.rc_value is not null then 0
                    else 1
                end,
                roles.instrument_id,
                roles.version
        ) as choice_number

    from counted

    inner join roles
        on
            counted.instrument_id = roles.instrument_id
            and counted.version = roles.version
            and counted.rater = roles.rater
            and counted.role = roles.role

    left join episodes on counted.episode_key = episodes.episode_key

    left join preferences as of_problem
        on
            roles.role = 'outcome'
            and counted.instrument_id = of_problem.instrument_id
            and replace(lower(trim(episodes.problem)), ' ', '_') = of_problem.problem

    left join preferences as of_any
        on
            roles.role = 'outcome'
            and counted.instrument_id = of_any.instrument_id
            and of_any.problem is null

),

chosen as (

    select
        episode_key,
        role,
        instrument_id,
        version,
        rater,
        family,
        scale,
        n_scores,
        score_min,
        score_max,
        direction,
        cutoff_value,
        cutoff_operator,
        rc_value,
        rc_operator

    from ranked

    where choice_number = 1

)

select * from chosen
