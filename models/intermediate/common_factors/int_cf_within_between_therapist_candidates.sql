{# As the candidates of alliance and outcome, of clients one therapist held. Higher is better. #}

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
        episodes.early_alliance_instrument_id as alliance_instrument_id,
        episodes.outcome_instrument_id,
        episodes.early_alliance_pomp as alliance_pomp,
        episodes.outcome_pre * directions.direction as pre_score,
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
            when episodes.therapist_key is null
                then 'no therapist'
            when episodes.is_mixed_therapist
                then 'no therapist held most of the sessions'
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
    dense_rank() over (order by therapist_key) as therapist_code,
    cast(alliance_pomp as double) as alliance_pomp,
    cast(pre_score as double) as pre_score,
    cast(post_score as double) as post_score,
    coalesce(exclusion_reason, case when modality is null then 'no modality' end)
        as shares_exclusion_reason,
    case when modality is not null then dense_rank() over (order by modality) end
        as modality_code

from reasoned
