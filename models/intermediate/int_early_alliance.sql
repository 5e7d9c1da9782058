{#
    Client-rated alliance early in treatment: the mean over sessions 3 to 5, else the latest one
    up to session 5; and the last outcome scores up to its first rating and after its last. One
    row per episode with a rated attended session up to the fifth.
#}

with

session_scores as (

    select * from {{ ref('int_session_scores') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

scores as (

    select * from {{ ref('int_followed_scores') }}

),

outcome_instruments as (

    select * from {{ ref('int_episode_instruments') }}

    where role = 'outcome'

),

rated as (

    select
        sessions.episode_key,
        sessions.session_key,
        sessions.session_number,
        session_scores.alliance_score,
        session_scores.alliance_pomp,
        sessions.session_number >= {{ var('early_alliance_first_session') }} as is_in_window,
        cast(
            {{ latest_of(['sessions.session_at', 'session_scores.alliance_completed_at']) }} as date
        ) as last_date,
        max(sessions.session_number) over (
            partition by sessions.episode_key
        ) as latest_session_number

    from sessions

    inner join session_scores on sessions.session_key = session_scores.session_key

    where
        sessions.session_number <= {{ var('early_alliance_last_session') }}
        and session_scores.alliance_score is not null

),

used as (

    select *

    from rated

    where is_in_window or session_number = latest_session_number

),

by_episode as (

    select
        episode_key,
        avg(alliance_score) as early_alliance,
        avg(alliance_pomp) as early_alliance_pomp,
        count(*) as n_early_alliance,
        min(last_date) as first_date,
        max(last_date) as last_date,
        max(alliance_pomp) filter (where session_number = 3) as alliance_session3_pomp

    from used

    group by episode_key

),

outcomes as (

    select
        by_episode.episode_key,
        {{ last_by('scores.score', 'scores.completed_at', 'scores.response_key') }}
        filter (where cast(scores.completed_at as date) <= by_episode.first_date)
            as last_up_to_early_alliance,
        {{ last_by('scores.score', 'scores.completed_at', 'scores.response_key') }}
        filter (where cast(scores.completed_at as date) > by_episode.last_date)
            as post_after_early_alliance

    from by_episode

    inner join outcome_instruments on by_episode.episode_key = outcome_instruments.episode_key

    inner join scores
        on
            outcome_instruments.episode_key = scores.episode_key
            and outcome_instruments.instrument_id = scores.instrument_id
            and outcome_instruments.version = scores.version
            and outcome_instruments.rater = scores.rater
            and outcome_instruments.scale = scores.scale

    where scores.score is not null

    group by by_episode.episode_key

)

select
    by_episode.*,
    outcomes.last_up_to_early_alliance,
    outcomes.post_after_early_alliance

from by_episode

left join outcomes on by_episode.episode_key = outcomes.episode_key
