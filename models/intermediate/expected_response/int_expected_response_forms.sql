{#
    Every outcome score after the first one of an episode, at attended treatment sessions, with
    codes instead of keys for the estimator. A client is in one fold only, by the pseudonym's
    first digit, so that a fold never changes.
#}

with

process as (

    select
        clinic_id,
        episode_key,
        client_key,
        session_key,
        session_at,
        session_number,
        outcome_score

    from {{ ref('fct_session_process') }}

    where outcome_score is not null

),

episodes as (

    select
        courses.episode_key,
        courses.therapist_key,
        courses.course_status,
        courses.end_date,
        changes.is_reliably_improved,
        changes.is_reliably_deteriorated

    from {{ ref('int_episode_course') }} as courses

    left join {{ ref('int_episode_outcomes') }} as changes
        on courses.episode_key = changes.episode_key

),

instruments as (

    select
        episode_key,
        instrument_id,
        version,
        direction

    from {{ ref('int_episode_instruments') }}

    where
        role = 'outcome'
        and rater = 'client'

),

numbered as (

    select
        *,
        first_value(session_number) over (
            partition by episode_key
            order by session_number, session_key
        ) as first_number,
        first_value(outcome_score) over (
            partition by episode_key
            order by session_number, session_key
        ) as score_pre

    from process

)

select
    numbered.clinic_id,
    numbered.episode_key,
    numbered.client_key,
    episodes.therapist_key,
    numbered.session_key,
    numbered.session_at,
    numbered.session_number,
    instruments.instrument_id,
    instruments.version,
    instruments.direction,
    numbered.score_pre,
    numbered.outcome_score as score,
    numbered.session_number - numbered.first_number as sessions_since_first,
    episodes.course_status,
    episodes.course_status <> 'open'
    and (
        {{ "true" if not var('expected_response_until', none) else "coalesce(episodes.end_date, cast(numbered.session_at as date)) <= cast('" ~ var('expected_response_until') ~ "' as date)" }}
    ) as is_training,
    case
        when episodes.is_reliably_deteriorated then 1
        when not episodes.is_reliably_deteriorated then 0
        else -1
    end as is_deteriorated,
    case
        when episodes.is_reliably_improved then 1
        when not episodes.is_reliably_improved then 0
        else -1
    end as is_improved,
    mod(
        instr('0123456789abcdef', substr({{ as_text('numbered.client_key') }}, 1, 1)), 4
    ) as fold,
    row_number() over (order by numbered.session_key) as form_code,
    dense_rank() over (order by numbered.episode_key) as episode_code,
    dense_rank() over (order by instruments.instrument_id, instruments.version) as instrument_code

from numbered

inner join episodes on numbered.episode_key = episodes.episode_key

inner join instruments on numbered.episode_key = instruments.episode_key

where numbered.session_number > numbered.first_number
