{# First and last client-rated outcome scores of each episode, and the NHS pair beside them. #}

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

early_alliance as (

    select * from {{ ref('int_early_alliance') }}

),

unordered as (

    select * from {{ ref('int_unordered_episodes') }}

),

forms as (

    select
        scores.episode_key,
        scores.instrument_id,
        scores.response_key,
        scores.completed_at,
        scores.score,
        not coalesce(scores.is_prorated, false) as is_whole,
        episode_instruments.episode_key is not null as is_chosen,
        cast(scores.completed_at as date) > early_alliance.last_date as is_after_early_alliance,
        cast(scores.completed_at as date) <= early_alliance.first_date
            as is_up_to_early_alliance

    from scores

    inner join scales
        on
            scores.instrument_id = scales.instrument_id
            and scores.version = scales.version
            and scores.rater = scales.rater
            and scores.scale = scales.scale

    left join episode_instruments
        on
            scores.episode_key = episode_instruments.episode_key
            and scores.instrument_id = episode_instruments.instrument_id
            and scores.version = episode_instruments.version
            and episode_instruments.role = 'outcome'

    left join early_alliance on scores.episode_key = early_alliance.episode_key

    {{ anti_join() }} unordered on scores.episode_key = unordered.episode_key

    where
        scores.rater = 'client'
        and scales.family = 'outcome'
        and scales.is_primary
        and scores.score is not null
        and scores.episode_key is not null

),

by_episode as (

    select
        episode_key,
        count(*) as n_scores_any,
        min(completed_at) as first_score_at,
        {{ count_in_time('completed_at', 'is_chosen') }} as n_outcome_scores,
        min(completed_at) filter (where is_chosen) as outcome_pre_at,
        max(completed_at) filter (where is_chosen) as outcome_last_at,
        {{ first_by('score', 'completed_at', 'response_key') }}
        filter (where is_chosen) as outcome_pre,
        {{ last_by('score', 'completed_at', 'response_key') }}
        filter (where is_chosen) as outcome_last,
        {{ last_by('score', 'completed_at', 'response_key') }}
        filter (where is_chosen and is_up_to_early_alliance) as last_up_to_early_alliance,
        {{ last_by('score', 'completed_at', 'response_key') }}
        filter (where is_chosen and is_after_early_alliance) as post_after_early_alliance,
        {% for measure in ['phq9', 'gad7'] %}
            {{ count_in_time('completed_at', "is_whole and instrument_id = '" ~ measure ~ "'") }}
                as n_{{ measure }},
            {{ first_by('score', 'completed_at', 'response_key') }}
            filter (where is_whole and instrument_id = '{{ measure }}') as {{ measure }}_first,
            {{ last_by('score', 'completed_at', 'response_key') }}
            filter (where is_whole and instrument_id = '{{ measure }}') as {{ measure }}_last
            {%- if not loop.last %},{% endif %}
        {% endfor %}

    from forms

    group by episode_key

)

select * from by_episode
