{#
    One row per attended session after which it is known whether the client came again, left, or
    ended otherwise. The alliance is the one of that session: the latest before the one that was
    not attended, never a later one.
#}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

judged as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        client_key,
        coalesce(therapist_key, episode_key) as cluster_key,
        start_date,
        early_alliance_instrument_id as alliance_instrument_id,
        dropout_unilateral,
        case
            when early_alliance_instrument_id is null
                then 'no client-rated alliance up to session '
                || '{{ var("early_alliance_last_session", 5) }}'
        end as missing_reason

    from episodes

    where
        n_sessions_attended >= 1
        and course_status not in ('declined', 'not_taken_on')

),

{{ cf_each_client_once('judged') }},

sessions as (

    select
        episode_key,
        session_key,
        session_number,
        lead(session_key) over (
            partition by episode_key
            order by session_at, session_key
        ) is null as is_last_treatment_session,
        alliance_pomp,
        lag(alliance_pomp) over (
            partition by episode_key
            order by session_at, session_key
        ) as alliance_pomp_1_before,
        lag(alliance_pomp, 2) over (
            partition by episode_key
            order by session_at, session_key
        ) as alliance_pomp_2_before

    from process

    where session_number is not null

),

numbered as (

    select
        reasoned.*,
        case
            when exclusion_reason is null
                then
                    dense_rank() over (
                        partition by exclusion_reason is null
                        order by clinic_id, alliance_instrument_id
                    ) - 1
        end as stratum,
        dense_rank() over (order by cluster_key) as therapist_code,
        dense_rank() over (order by client_key) as client_code

    from reasoned

)

select
    numbered.clinic_id,
    numbered.clinic_group,
    numbered.episode_key,
    numbered.client_key,
    numbered.alliance_instrument_id,
    numbered.exclusion_reason,
    numbered.stratum,
    numbered.therapist_code,
    numbered.client_code,
    sessions.session_key,
    cast(sessions.session_number as double) as session_number,
    cast(sessions.alliance_pomp as double) as alliance_pomp,
    cast(
        coalesce(
            sessions.alliance_pomp,
            sessions.alliance_pomp_1_before,
            sessions.alliance_pomp_2_before
        ) as double
    ) as alliance_carried_pomp,
    case when sessions.is_last_treatment_session and numbered.dropout_unilateral then 1 else 0 end
        as has_left,
    sessions.session_key is not null
    and not (sessions.is_last_treatment_session and numbered.dropout_unilateral is null) as is_used

from numbered

left join sessions on numbered.episode_key = sessions.episode_key
