{#
    Every rating with the one before it, the ones after it, and the baseline of a control chart,
    which is every earlier rating of the series: one row per series and rated treatment session. A
    session without a rating breaks the run: no drop and no moving range reaches across it.

    Of a questionnaire that asks whether a rupture occurred, the value is 1 for none and 0 for
    one, so that lower is worse everywhere.
#}

{% set ahead = range(1, var('rupture_repair_sessions', 3) + 2) %}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

scores as (

    select * from {{ ref('int_followed_scores') }}

),

alliance_instruments as (

    select * from {{ ref('int_episode_instruments') }}

    where role = 'client_alliance'

),

forms as (

    select * from {{ ref('int_rupture_forms') }}

),

alliance_scores as (

    select
        sessions.episode_key,
        sessions.session_number,
        {{ last_by('scores.score', 'scores.completed_at', 'scores.response_key') }} as score

    from scores

    inner join alliance_instruments
        on
            scores.episode_key = alliance_instruments.episode_key
            and scores.instrument_id = alliance_instruments.instrument_id
            and scores.version = alliance_instruments.version
            and scores.rater = alliance_instruments.rater
            and scores.scale = alliance_instruments.scale

    inner join sessions on scores.session_key = sessions.session_key

    where
        scores.score is not null
        and sessions.session_number is not null

    group by
        sessions.episode_key,
        sessions.session_number

),

rated as (

    select
        alliance_scores.episode_key as series_key,
        alliance_scores.session_number as position,
        alliance_scores.score as value,
        item_forms.lowest_item,
        cast(null as double) as intensity,
        cast(null as double) as resolution

    from alliance_scores

    left join forms as item_forms
        on
            alliance_scores.episode_key = item_forms.episode_key
            and alliance_scores.session_number = item_forms.session_number
            and item_forms.family = 'alliance'

),

reported as (

    select
        series_key,
        session_number as position,
        1.0 - score as value,
        cast(null as double) as lowest_item,
        intensity,
        resolution

    from forms

    where family = 'rupture'

),

ratings as (

    select * from rated

    union all

    select * from reported

),

followers as (

    select
        series_key,
        position,
        value,
        lowest_item,
        intensity,
        resolution,
        case
            when position - lag(position) over by_position = 1
                then lag(value) over by_position
        end as value_before

    from ratings

    window by_position as (partition by series_key order by position)

)

select
    followers.*,
    round(value_before - value, 9) as fall,
    {% for step in ahead %}
        lead(position, {{ step }}) over by_position as position_ahead_{{ step }},
        lead(value, {{ step }}) over by_position as value_ahead_{{ step }},
        lead(lowest_item, {{ step }}) over by_position as lowest_item_ahead_{{ step }},
    {% endfor %}
    count(*) over earlier as baseline_count,
    avg(value) over earlier as center_line,
    count(value_before) over earlier as range_count,
    avg(abs(value_before - value)) over earlier as mean_range

from followers

window
    by_position as (partition by series_key order by position),
    earlier as (
        partition by series_key
        order by position
        rows between unbounded preceding and 1 preceding
    )
