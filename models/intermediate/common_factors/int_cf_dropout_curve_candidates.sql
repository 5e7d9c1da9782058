{#
    How each episode ended: cause 1 dropout, 2 ended otherwise, 0 not known (censored). Clients who
    attended and rated session 3 also have a stratum of their alliance instrument.
#}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

judged as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        client_key,
        coalesce(therapist_key, episode_key) as cluster_key,
        start_date,
        n_sessions_attended,
        dropout_unilateral,
        early_alliance_instrument_id as alliance_instrument_id,
        alliance_session3_pomp,
        cast(null as {{ dbt.type_string() }}) as missing_reason

    from episodes

    where
        n_sessions_attended >= 1
        and course_status not in ('declined', 'not_taken_on')

),

{{ cf_each_client_once('judged') }},

{# The same clients as in cf_early_alliance_dropout: the first episode that rated session 3. #}

landmark as (

    select
        *,
        case
            when n_sessions_attended < 3 then 'fewer than 3 sessions attended'
            when alliance_session3_pomp is null then 'no client-rated alliance at session 3'
        end as alliance_missing_reason

    from reasoned

),

landmark_ranked as (

    select
        *,
        row_number() over (
            partition by client_key, alliance_missing_reason is null
            order by start_date, episode_key
        ) as landmark_episode_number

    from landmark

),

landmark_reasoned as (

    select
        *,
        coalesce(
            alliance_missing_reason,
            case
                when landmark_episode_number > 1 then 'later episode of a client counted once'
            end
        ) as alliance_exclusion_reason

    from landmark_ranked

)

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    alliance_instrument_id,
    exclusion_reason,
    alliance_exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id
                ) - 1
    end as stratum,
    case
        when alliance_exclusion_reason is null
            then
                dense_rank() over (
                    partition by alliance_exclusion_reason is null
                    order by clinic_id, alliance_instrument_id
                ) - 1
    end as alliance_stratum,
    dense_rank() over (order by cluster_key) as therapist_code,
    cast(alliance_session3_pomp as double) as alliance_pomp,
    cast(n_sessions_attended as double) as sessions_attended,
    case dropout_unilateral when true then 1 when false then 2 else 0 end as cause

from landmark_reasoned
