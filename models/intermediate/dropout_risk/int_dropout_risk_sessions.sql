{#
    Attended treatment sessions with what was known at them, and whether the client dropped out
    after them (1 yes, 0 no, -1 not known yet). Nothing from a later session.
#}

with

process as (

    select * from {{ ref('fct_session_process') }}

),

episodes as (

    select
        episode_key,
        course_status

    from {{ ref('int_episode_course') }}

),

bookings as (

    select
        episode_key,
        session_key,
        session_at,
        count(
            case when is_treatment and attendance in ('dna', 'cancelled_client') then 1 end
        ) over (
            partition by episode_key
            order by session_at, session_key
            rows between unbounded preceding and current row
        ) as n_missed

    from {{ ref('fct_sessions') }}

),

scales as (

    select distinct
        instrument_id,
        direction,
        score_min,
        score_max

    from {{ ref('int_episode_instruments') }}

    where role = 'outcome'

),

known as (

    select
        process.clinic_id,
        process.episode_key,
        process.client_key,
        process.therapist_key,
        process.session_key,
        process.session_at,
        process.session_number,
        episodes.course_status,
        lead(process.session_key) over in_order is null as is_last_session,
        bookings.n_missed,
        last_value(process.alliance_pomp ignore nulls) over so_far as alliance,
        avg(process.alliance_pomp) over so_far as alliance_mean,
        last_value(process.outcome_score ignore nulls) over so_far as latest_outcome,
        first_value(process.outcome_score ignore nulls) over so_far as first_outcome,
        scales.direction,
        scales.score_max - scales.score_min as score_range,
        lag(process.session_at) over in_order as previous_at,
        lag(bookings.n_missed) over in_order as previous_missed

    from process

    inner join episodes on process.episode_key = episodes.episode_key

    inner join bookings on process.session_key = bookings.session_key

    left join scales on process.outcome_instrument_id = scales.instrument_id

    where
        process.session_number is not null
        and episodes.course_status in (
            'open', 'completed', 'dropout', 'moved_or_stepped', 'provider_or_other', 'deceased'
        )

    window
        in_order as (
            partition by process.episode_key
            order by process.session_number, process.session_key
        ),
        so_far as (
            partition by process.episode_key
            order by process.session_number, process.session_key
            rows between unbounded preceding and current row
        )

)

select
    clinic_id,
    episode_key,
    client_key,
    therapist_key,
    session_key,
    session_at,
    session_number,
    course_status,
    is_last_session,
    case
        when is_last_session and course_status = 'open' then -1
        when is_last_session and course_status = 'dropout' then 1
        else 0
    end as event,
    mod(instr('0123456789abcdef', substr({{ as_text('client_key') }}, 1, 1)), 4) as fold,
    ln(session_number) as log_session,
    cast(session_number = 1 as integer) as is_first_session,
    (coalesce(alliance, 70) - 70) / 20 as alliance,
    cast(alliance is null as integer) as is_alliance_missing,
    coalesce(alliance - alliance_mean, 0) / 20 as alliance_change,
    coalesce(
        direction * (latest_outcome - first_outcome) / nullif(score_range, 0), 0
    ) as improvement,
    cast(latest_outcome is null as integer) as is_improvement_missing,
    n_missed - coalesce(previous_missed, 0) as missed_before,
    ln(
        1 + coalesce(
            greatest(
                {{ days_between('cast(previous_at as date)', 'cast(session_at as date)') }}, 0
            ),
            0
        )
    ) as log_gap_days,
    row_number() over (order by session_key) as form_code

from known
