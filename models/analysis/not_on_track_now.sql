with

latest as (

    select *

    from {{ ref('fct_expected_response').include(database=false) }}

    qualify
        row_number() over (
            partition by episode_key
            order by session_number desc
        ) = 1

)

select
    'clinic' as scope_level,
    latest.clinic_id as scope_id,
    latest.clinic_id,
    latest.client_key,
    latest.therapist_key,
    latest.episode_key,
    latest.session_at,
    latest.session_number,
    latest.instrument_id,
    latest.score_pre,
    latest.score,
    latest.expected,
    latest.signal_limit,
    latest.difference_in_sd

from latest

inner join {{ ref('fct_episodes').include(database=false) }} as episodes
    on latest.episode_key = episodes.episode_key

where latest.is_not_on_track and episodes.course_status = 'open'
