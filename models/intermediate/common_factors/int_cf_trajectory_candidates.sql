{#
    Sums per episode of t = log of the session number, s = session number and y = client-rated
    alliance, percent of the maximum. Four ratings or more.
#}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

ruptures as (

    select * from {{ ref('fct_ruptures') }}

),

regained as (

    select
        episode_key,
        instrument_id,
        max(case when is_v_shape then 1 else 0 end) as has_v

    from ruptures

    where detector = '{{ var("trajectory_v_detector", "drop_sd1") }}'

    group by
        episode_key,
        instrument_id

),

rated as (

    select
        episode_key,
        alliance_instrument_id,
        cast(session_number as double) as s,
        ln(session_number) as t,
        cast(alliance_pomp as double) as y

    from process

    where
        alliance_pomp is not null
        and session_number is not null

),

sums as (

    select
        episode_key,
        alliance_instrument_id,
        count(*) as n_ratings,
        min(s) as first_session,
        max(s) as last_session,
        sum(t) as sum_t,
        sum(t * t) as sum_tt,
        sum(y) as sum_y,
        sum(t * y) as sum_ty,
        sum(y * y) as sum_yy,
        sum(s) as sum_s,
        sum(s * s) as sum_s2,
        sum(s * s * s) as sum_s3,
        sum(s * s * s * s) as sum_s4,
        sum(s * y) as sum_sy,
        sum(s * s * y) as sum_s2y

    from rated

    group by
        episode_key,
        alliance_instrument_id

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.client_key,
        episodes.therapist_key,
        episodes.start_date,
        cast(episodes.improvement as double) as improvement,
        episodes.episode_key,
        sums.alliance_instrument_id,
        sums.n_ratings,
        sums.first_session,
        sums.last_session,
        sums.sum_t,
        sums.sum_tt,
        sums.sum_y,
        sums.sum_ty,
        sums.sum_yy,
        sums.sum_s,
        sums.sum_s2,
        sums.sum_s3,
        sums.sum_s4,
        sums.sum_sy,
        sums.sum_s2y,
        cast(coalesce(regained.has_v, 0) as double) as has_v,
        case
            when sums.episode_key is null
                then 'no client-rated alliance'
            when sums.n_ratings < {{ var('trajectory_min_ratings', 4) }}
                then 'fewer than {{ var("trajectory_min_ratings", 4) }} alliance ratings'
        end as missing_reason

    from episodes

    left join sums on episodes.episode_key = sums.episode_key

    left join regained
        on
            sums.episode_key = regained.episode_key
            and sums.alliance_instrument_id = regained.instrument_id

    where episodes.n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }}

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
    dense_rank() over (order by episode_key) as episode_code,
    dense_rank() over (order by therapist_key) as therapist_code

from reasoned
