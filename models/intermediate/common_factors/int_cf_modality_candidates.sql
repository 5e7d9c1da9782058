{# Scores are turned so that higher is better. Codes are any whole numbers, equal for equal words. #}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

directions as (

    select * from {{ ref('int_cf_outcome_directions') }}

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.episode_key,
        episodes.client_key,
        episodes.therapist_key,
        episodes.start_date,
        episodes.modality,
        episodes.problem,
        episodes.step,
        episodes.outcome_instrument_id,
        episodes.outcome_pre * directions.direction as pre_score,
        episodes.outcome_post * directions.direction as post_score,
        episodes.age_years_at_start,
        case
            when episodes.course_status = 'open'
                then 'still in treatment'
            when episodes.modality is null
                then 'no modality'
            when episodes.therapist_key is null
                then 'no therapist'
            when episodes.is_mixed_therapist
                then 'no therapist held most of the sessions'
            when
                episodes.outcome_pre is null
                or episodes.outcome_post is null
                or coalesce(episodes.n_outcome_scores, 0) < 2
                then 'no first and last outcome score'
            when directions.direction is null
                then 'outcome instrument without a direction in the registry'
        end as missing_reason

    from episodes

    left join directions on episodes.outcome_instrument_id = directions.instrument_id

    where episodes.n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }}

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    modality,
    outcome_instrument_id,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id, outcome_instrument_id, modality
                ) - 1
    end as stratum,
    dense_rank() over (order by modality) as modality_code,
    dense_rank() over (order by therapist_key) as therapist_code,
    cast(pre_score as double) as pre_score,
    cast(post_score as double) as post_score,
    cast(age_years_at_start as double) as age_years,
    case when problem is not null then dense_rank() over (order by problem) end as problem_code,
    case when step is not null then dense_rank() over (order by step) end as step_code

from reasoned
