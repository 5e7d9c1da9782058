select
    'clinic' as scope_level,
    sessions.clinic_id as scope_id,
    sessions.clinic_id,
    sessions.alliance_instrument_id,
    episodes.outcome_instrument_id,
    case when episodes.is_reliably_improved then 'improved' else 'not improved' end as outcome,
    sessions.session_number,
    count(*) as n_clients,
    avg(sessions.alliance_pomp) as alliance_mean_pomp,
    stddev_samp(sessions.alliance_pomp) as alliance_sd

from {{ ref('fct_session_process').include(database=false) }} as sessions

inner join {{ ref('fct_episodes').include(database=false) }} as episodes
    on sessions.episode_key = episodes.episode_key

where
    sessions.alliance_pomp is not null
    and sessions.session_number is not null
    and episodes.is_reliably_improved is not null
    and episodes.course_status not in ('open', 'inactive_open')

group by
    sessions.clinic_id,
    sessions.alliance_instrument_id,
    episodes.outcome_instrument_id,
    episodes.is_reliably_improved,
    sessions.session_number
