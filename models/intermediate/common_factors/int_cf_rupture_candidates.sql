{#
    Episodes whose rupture class can be set beside their outcome, or why not. The landmark keeps
    those that attended so many sessions that every class could have occurred.
#}

{{ config(materialized = 'view') }}

with

ruptures as (

    select * from {{ ref('cf_alliance_ruptures') }}

),

episodes as (

    select * from {{ ref('fct_episodes') }}

),

judged as (

    select
        ruptures.clinic_id,
        ruptures.clinic_group,
        ruptures.client_key,
        ruptures.episode_key,
        ruptures.detector,
        ruptures.instrument_id,
        ruptures.version,
        ruptures.rupture_class,
        episodes.outcome_instrument_id,
        episodes.therapist_key,
        episodes.start_date,
        episodes.improvement,
        episodes.is_reliably_improved,
        episodes.dropout_unilateral,
        episodes.n_sessions_attended,
        case
            when episodes.n_sessions_attended < {{ var('rupture_landmark_session', 6) }}
                then 'fewer than {{ var("rupture_landmark_session", 6) }} sessions attended'
            when ruptures.rupture_class = 'not assessable' then 'rupture class not assessable'
            when episodes.improvement is null then 'no first and last outcome score'
        end as missing_reason

    from ruptures

    inner join episodes on ruptures.episode_key = episodes.episode_key

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by client_key, detector, missing_reason is null
            order by start_date, episode_key, instrument_id, version
        ) as client_episode_number

    from judged

)

select
    ranked.*,
    coalesce(
        missing_reason,
        case when client_episode_number > 1 then 'later episode of a client counted once' end
    ) as exclusion_reason,
    case rupture_class when 'none' then 0 when 'repaired' then 1 when 'unrepaired' then 2 end
        as class_code,
    dense_rank() over (
        partition by missing_reason is null and client_episode_number = 1
        order by clinic_id, detector, instrument_id, version, outcome_instrument_id
    ) - 1 as stratum

from ranked
