{#
    One row per series and attended treatment session, also where no score came: positions are
    sessions 1, 2, 3 and so on without a hole, and a missing score stays missing.
#}

with

process as (

    select * from {{ ref('fct_session_process') }}

),

gain_keys as (

    select * from {{ ref('int_gain_keys') }}

),

forms as (

    select * from {{ ref('int_gain_forms') }}

),

treatment_sessions as (

    select
        episode_key,
        session_number,
        outcome_score

    from process

    where session_number is not null

)

select
    gain_keys.series_key,
    treatment_sessions.session_number as position,
    treatment_sessions.outcome_score as value,
    gain_keys.direction,
    gain_keys.score_min,
    gain_keys.score_max,
    gain_keys.cutoff

from treatment_sessions

inner join gain_keys
    on
        treatment_sessions.episode_key = gain_keys.episode_key
        and gain_keys.is_primary_outcome

union all

select
    gain_keys.series_key,
    treatment_sessions.session_number as position,
    forms.score as value,
    gain_keys.direction,
    gain_keys.score_min,
    gain_keys.score_max,
    gain_keys.cutoff

from gain_keys

inner join treatment_sessions on gain_keys.episode_key = treatment_sessions.episode_key

left join forms
    on
        gain_keys.episode_key = forms.episode_key
        and gain_keys.instrument_id = forms.instrument_id
        and gain_keys.version = forms.version
        and treatment_sessions.session_number = forms.session_number

where not gain_keys.is_primary_outcome
