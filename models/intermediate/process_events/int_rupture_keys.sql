{#
    One row per series in which ruptures are looked for: an episode and the form its client
    rates the alliance with, or an episode and a questionnaire in which the client reports them.
#}

with

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

forms as (

    select * from {{ ref('int_rupture_forms') }}

),

episodes as (

    select * from {{ ref('int_episode_course') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

registry_scales as (

    select * from {{ ref('stg_lake__scales') }}

),

reliabilities as (

    select
        instrument_id,
        version,
        rater,
        scale,
        max(reliability) as reliability

    from registry_scales

    group by
        instrument_id,
        version,
        rater,
        scale

),

followed as (

    select
        episode_key as series_key,
        episode_key,
        instrument_id,
        version

    from episode_instruments

    where role = 'client_alliance'

    union all

    select distinct
        series_key,
        episode_key,
        instrument_id,
        version

    from forms

    where family = 'rupture'

)

select
    followed.series_key,
    followed.episode_key,
    episodes.clinic_id,
    episodes.clinic_group,
    episodes.client_key,
    episodes.therapist_key,
    scales.instrument_id,
    scales.version,
    scales.rater,
    scales.family,
    scales.score_min,
    scales.score_max,
    scales.rc_value,
    scales.rc_operator,
    reliabilities.reliability,
    episodes.n_sessions_attended as last_position,
    coalesce(episodes.course_status = 'open', false) as is_open

from followed

inner join episodes on followed.episode_key = episodes.episode_key

inner join scales
    on
        followed.instrument_id = scales.instrument_id
        and followed.version = scales.version
        and scales.rater = 'client'
        and scales.is_primary

left join reliabilities
    on
        scales.instrument_id = reliabilities.instrument_id
        and scales.version = reliabilities.version
        and scales.rater = reliabilities.rater
        and scales.scale = reliabilities.scale
