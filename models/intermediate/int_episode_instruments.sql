{#
    The instrument each episode is followed with, by role: client_alliance, therapist_alliance,
    outcome. The one with the most scored forms; on a tie the one with both thresholds, then PHQ-9,
    then by name.
#}

with

scores as (

    select * from {{ ref('fct_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

roles as (

    select
        *,
        case
            when family = 'outcome' and rater = 'client' then 'outcome'
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
        count(*) as n_scores

    from scores

    inner join roles
        on
            scores.instrument_id = roles.instrument_id
            and scores.version = roles.version
            and scores.rater = roles.rater
            and scores.scale = roles.scale

    where
        roles.role is not null
        and scores.score is not null
        and scores.episode_key is not null

    group by
        scores.episode_key,
        roles.role,
        scores.instrument_id,
        scores.version

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
                counted.n_scores desc,
                case
                    when roles.cutoff_value is not null and roles.rc_value is not null then 0
                    else 1
                end,
                case when roles.instrument_id = 'phq9' then 0 else 1 end,
                roles.instrument_id,
                roles.version
        ) as choice_number

    from counted

    inner join roles
        on
            counted.instrument_id = roles.instrument_id
            and counted.version = roles.version
            and counted.role = roles.role

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
