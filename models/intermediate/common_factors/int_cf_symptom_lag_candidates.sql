{# Episodes in both directions; one with two pairs of instruments keeps the one with more pairs. #}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

counts as (

    select
        episode_key,
        lag_direction,
        alliance_instrument_id,
        outcome_instrument_id,
        count(*) as pair_count,
        row_number() over (
            partition by episode_key, lag_direction
            order by count(*) desc, alliance_instrument_id, outcome_instrument_id
        ) as instruments_number

    from {{ ref('int_cf_symptom_lag_pairs') }}

    group by
        episode_key,
        lag_direction,
        alliance_instrument_id,
        outcome_instrument_id

),

lag_directions as (

    select 'alliance_to_symptom' as lag_direction

    union all

    select 'symptom_to_alliance' as lag_direction

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.client_key || lag_directions.lag_direction as client_key,
        episodes.therapist_key,
        episodes.start_date,
        episodes.episode_key,
        lag_directions.lag_direction,
        counts.alliance_instrument_id,
        counts.outcome_instrument_id,
        counts.pair_count,
        case
            when counts.episode_key is null
                then 'no rated session beside the outcome it is compared with'
            when counts.pair_count < {{ var('cf_min_pairs', 4) }}
                then 'fewer than {{ var("cf_min_pairs", 4) }} pairs of sessions'
        end as missing_reason

    from episodes

    cross join lag_directions

    left join counts
        on
            episodes.episode_key = counts.episode_key
            and lag_directions.lag_direction = counts.lag_direction
            and counts.instruments_number = 1

    where episodes.n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }},

numbered as (

    select
        reasoned.*,
        case
            when exclusion_reason is null
                then
                    dense_rank() over (
                        partition by exclusion_reason is null
                        order by
                            clinic_id,
                            lag_direction,
                            alliance_instrument_id,
                            outcome_instrument_id
                    ) - 1
        end as stratum,
        dense_rank() over (order by therapist_key) as therapist_code,
        dense_rank() over (order by client_key) as client_code

    from reasoned

)

select
    clinic_id,
    clinic_group,
    episode_key,
    lag_direction,
    alliance_instrument_id,
    outcome_instrument_id,
    exclusion_reason,
    stratum,
    therapist_code,
    client_code,
    pair_count

from numbered
