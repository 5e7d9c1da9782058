{#
    Early in treatment: the mean of each measure over the forms up to the fifth attended session,
    one row per episode x measure x rater x instrument. Goal and task agreement come from the
    alliance form. `value` is percent of the maximum where the scale has known ends, else points.
#}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

measure_scores as (

    select * from {{ ref('int_measure_scores') }}

),

windows as (

    select
        episode_key,
        max(cast(session_at as date)) as last_date

    from sessions

    where session_number <= {{ var('early_alliance_last_session', 5) }}

    group by episode_key

),

forms as (

    select
        measure_scores.clinic_id,
        measure_scores.episode_key,
        measure_scores.measure,
        measure_scores.rater,
        measure_scores.instrument_id,
        measure_scores.version,
        case
            when measure_scores.measure = 'goals_set' then 1.0
            else coalesce(measure_scores.pomp, measure_scores.score)
        end as value,
        {# Clients with and without goals are followed from the same day on. #}
        case
            when measure_scores.measure = 'goals_set' then windows.last_date
            else cast(measure_scores.completed_at as date)
        end as completed_date

    from measure_scores

    inner join windows on measure_scores.episode_key = windows.episode_key

    where
        {{ days_between('windows.last_date', 'cast(measure_scores.completed_at as date)') }}
        <= {{ var('form_days_after_session', 2) }}

),

{% set parts = [('goal_consensus', 'goal_pomp'), ('collaboration', 'task_pomp')] %}
{% for measure, column in parts %}
{{ measure }} as (

    select
        process.clinic_id,
        process.episode_key,
        '{{ measure }}' as measure,
        'client' as rater,
        process.alliance_instrument_id as instrument_id,
        episode_instruments.version,
        process.{{ column }} as value,
        cast(process.alliance_completed_at as date) as completed_date

    from process

    inner join episode_instruments
        on
            process.episode_key = episode_instruments.episode_key
            and episode_instruments.role = 'client_alliance'

    where
        process.session_number <= {{ var('early_alliance_last_session', 5) }}
        and process.{{ column }} is not null

),

{% endfor %}

rated as (

    select * from forms

    {% for measure, column in parts %}
    union all

    select * from {{ measure }}
    {% endfor %}

),

by_episode as (

    select
        clinic_id,
        episode_key,
        measure,
        rater,
        instrument_id,
        version,
        avg(value) as value,
        min(completed_date) as first_date,
        max(completed_date) as last_date

    from rated

    group by
        clinic_id,
        episode_key,
        measure,
        rater,
        instrument_id,
        version

),

{# Where goals are set with some clients, the others set none. #}

goal_clinics as (

    select distinct
        clinic_id,
        rater,
        instrument_id,
        version

    from by_episode

    where measure = 'goals_set'

),

without_goals as (

    select
        goal_clinics.clinic_id,
        windows.episode_key,
        goal_clinics.rater,
        goal_clinics.instrument_id,
        goal_clinics.version,
        windows.last_date as first_date,
        windows.last_date

    from goal_clinics

    inner join sessions on goal_clinics.clinic_id = sessions.clinic_id

    inner join windows
        on
            sessions.episode_key = windows.episode_key
            and sessions.session_number = 1

    {{ anti_join() }} by_episode
        on
            windows.episode_key = by_episode.episode_key
            and goal_clinics.instrument_id = by_episode.instrument_id
            and goal_clinics.version = by_episode.version

),

complete as (

    select * from by_episode

    union all

    select
        clinic_id,
        episode_key,
        'goals_set' as measure,
        rater,
        instrument_id,
        version,
        0.0 as value,
        first_date,
        last_date

    from without_goals

)

select * from complete
