{#
    The landmark is session 3: only clients who attended it and rated it can be compared.
    exclusion_reason holds for every estimate; risk_exclusion_reason also leaves out clients whose
    ending is not known yet, whom the hazard ratio keeps as censored.
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
        early_alliance_instrument_id as alliance_instrument_id,
        alliance_session3_pomp,
        n_sessions_attended,
        dropout_unilateral,
        case
            when n_sessions_attended < 3
                then 'fewer than 3 sessions attended'
            when alliance_session3_pomp is null
                then 'no client-rated alliance at session 3'
        end as missing_reason

    from episodes

    where
        n_sessions_attended >= 1
        and course_status not in ('declined', 'not_taken_on')

),

{{ cf_each_client_once('judged') }}

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    alliance_instrument_id,
    exclusion_reason,
    coalesce(
        exclusion_reason,
        case
            when dropout_unilateral is null
                then 'still in treatment, or ended for an unknown or another reason'
        end
    ) as risk_exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id, alliance_instrument_id
                ) - 1
    end as stratum,
    dense_rank() over (order by cluster_key) as therapist_code,
    cast(alliance_session3_pomp as double) as alliance_pomp,
    cast(n_sessions_attended as double) as sessions_attended,
    case dropout_unilateral when true then 1.0 when false then 0.0 else -1.0 end as dropped_out

from reasoned
