with

process as (

    select * from {{ ref('fct_session_process') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

episodes as (

    select * from {{ ref('int_episode_course') }}

),

therapist_instruments as (

    select
        episode_key,
        instrument_id

    from episode_instruments

    where role = 'therapist_alliance'

)

select
    process.clinic_id,
    episodes.clinic_group,
    process.client_key,
    process.therapist_key,
    process.episode_key,
    process.session_key,
    process.session_at,
    process.session_number,
    process.alliance_instrument_id as client_instrument_id,
    therapist_instruments.instrument_id as therapist_instrument_id,
    process.alliance_pomp as client_pomp,
    process.therapist_alliance_pomp as therapist_pomp,
    process.alliance_difference_pomp as difference_pomp,
    abs(process.alliance_difference_pomp) as absolute_difference_pomp,
    coalesce(
        process.session_number <= {{ var('early_alliance_last_session', 5) }}, false
    ) as is_early,
    {{ cf_definition_version() }} as definition_version

from process

inner join episodes on process.episode_key = episodes.episode_key

inner join therapist_instruments on process.episode_key = therapist_instruments.episode_key

where process.alliance_difference_pomp is not null
