{#
    One row per session with a scored form: the last score of each of the episode's instruments,
    and which forms came in their window. Scores of two forms of one session are not mixed: every
    column takes the form completed last.
#}

with

scores as (

    select * from {{ ref('int_followed_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

sessions as (

    select * from {{ ref('int_sessions') }}

),

forms as (

    select
        scores.session_key,
        scores.response_key,
        scores.completed_at,
        scores.score,
        scales.is_primary,
        case
            when scales.is_primary then 'total'
            when scores.scale in ('bond', 'task', 'goal') then scores.scale
        end as part,
        {{ pomp('scores.score', 'scales.score_min', 'scales.score_max') }} as pomp,
        episode_instruments.role,
        scores.rater in ('client', 'observer')
        and scales.family = 'outcome'
        and scales.is_primary
            as is_outcome_form,
        scores.rater = 'client' and scales.family = 'alliance' and scales.is_primary
            as is_alliance_form,
        {{ days_between('sessions.session_date', 'cast(scores.completed_at as date)') }}
            as days_after_session,
        {{ seconds_between('sessions.session_at', 'scores.completed_at') }} > 24 * 60 * 60
            as is_back_filled

    from scores

    inner join scales
        on
            scores.instrument_id = scales.instrument_id
            and scores.version = scales.version
            and scores.rater = scales.rater
            and scores.scale = scales.scale

    inner join sessions on scores.session_key = sessions.session_key

    left join episode_instruments
        on
            scores.episode_key = episode_instruments.episode_key
            and scores.instrument_id = episode_instruments.instrument_id
            and scores.version = episode_instruments.version
            and scores.rater = episode_instruments.rater

    where scores.score is not null

),

by_session as (

    select
        session_key,
        {% for name, role, part, value in [
            ('alliance_score', 'client_alliance', 'total', 'score'),
            ('alliance_pomp', 'client_alliance', 'total', 'pomp'),
            ('bond_pomp', 'client_alliance', 'bond', 'pomp'),
            ('task_pomp', 'client_alliance', 'task', 'pomp'),
            ('goal_pomp', 'client_alliance', 'goal', 'pomp'),
            ('therapist_alliance_pomp', 'therapist_alliance', 'total', 'pomp'),
            ('outcome_score', 'outcome', 'total', 'score'),
        ] %}
            {{ last_by(value, 'completed_at', 'response_key') }}
            filter (where role = '{{ role }}' and part = '{{ part }}') as {{ name }},
        {% endfor %}
        max(completed_at) filter (
            where role = 'client_alliance' and part = 'total'
        ) as alliance_completed_at,
        max(completed_at) filter (
            where role = 'outcome' and part = 'total'
        ) as outcome_completed_at,
        count(distinct response_key) filter (where is_primary) as n_forms,
        count(distinct response_key) filter (where is_primary and is_back_filled) as n_forms_back_filled,
        coalesce(
            bool_or(
                is_outcome_form
                and days_after_session between -{{ var('form_days_before_session') }} and 0
            ),
            false
        ) as has_outcome_in_window,
        coalesce(
            bool_or(
                is_alliance_form
                and days_after_session between 0 and {{ var('form_days_after_session') }}
            ),
            false
        ) as has_alliance_in_window

    from forms

    group by session_key

)

select * from by_session
