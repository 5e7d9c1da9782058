{#
    Scores are turned so that higher is better. The stratum numbers clinic x instruments of the
    usable rows from 0; the therapist code is any number that is equal for one therapist.
#}

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
        coalesce(episodes.therapist_key, episodes.episode_key) as cluster_key,
        episodes.start_date,
        episodes.early_alliance_instrument_id as alliance_instrument_id,
        episodes.outcome_instrument_id,
        episodes.early_alliance_pomp as alliance_pomp,
        episodes.outcome_pre * directions.direction as pre_score,
        episodes.last_up_to_early_alliance * directions.direction as score_before_alliance,
        episodes.post_after_early_alliance * directions.direction as post_score,
        case
            when episodes.early_alliance_pomp is null
                then 'no client-rated alliance up to session '
                || '{{ var("early_alliance_last_session", 5) }}'
            when episodes.outcome_pre is null
                then 'no first outcome score'
            when not episodes.is_pre_up_to_early_alliance
                then 'first outcome score only after the alliance was rated'
            when episodes.post_after_early_alliance is null
                then 'no outcome score after the alliance window'
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
    alliance_instrument_id,
    outcome_instrument_id,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id, alliance_instrument_id, outcome_instrument_id
                ) - 1
    end as stratum,
    dense_rank() over (order by cluster_key) as therapist_code,
    alliance_pomp,
    pre_score,
    score_before_alliance,
    post_score,
    case when alliance_pomp >= {{ var('alliance_ceiling_pomp', 95) }} then 1.0 else 0.0 end
        as is_at_ceiling

from reasoned
