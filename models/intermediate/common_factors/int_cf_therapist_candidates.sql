{# Scores stay in the instrument's own direction; `direction` says which way is better. #}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

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
        episodes.outcome_instrument_id,
        episodes.outcome_pre,
        episodes.outcome_post,
        episodes.age_years_at_start,
        episodes.problem,
        episodes.step,
        episodes.is_reliably_improved,
        clients.gender,
        clients.employment,
        clients.deprivation,
        directions.direction,
        case
            when episodes.course_status = 'open'
                then 'still in treatment'
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

    left join clients
        on
            episodes.client_key = clients.client_key
            and episodes.clinic_id = clients.clinic_id

    where episodes.n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }}

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    therapist_key,
    outcome_instrument_id,
    direction,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id, outcome_instrument_id
                ) - 1
    end as stratum,
    dense_rank() over (order by therapist_key) as therapist_code,
    cast(outcome_pre as double) as pre_score,
    cast(outcome_post as double) as post_score,
    cast(age_years_at_start as double) as age_years,
    try_cast(deprivation as double) as deprivation,
    {% for category in ['problem', 'step', 'gender', 'employment'] %}
    case
        when {{ category }} is not null then dense_rank() over (order by {{ category }})
    end as {{ category }}_code,
    {% endfor %}
    case is_reliably_improved when true then 1.0 when false then 0.0 end as is_event

from reasoned
