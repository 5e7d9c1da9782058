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

session_scores as (

    select * from {{ ref('int_session_scores') }}

),

forms as (

    select * from {{ ref('int_rupture_forms') }}

),

rupture_keys as (

    select * from {{ ref('int_rupture_keys') }}

),

rated as (

    select
        sessions.episode_key as series_key,
        sessions.session_number as position,
        session_scores.alliance_score as value,
        item_forms.lowest_item,
        cast(null as double) as intensity,
        cast(null as double) as resolution

    from sessions

    inner join session_scores on sessions.session_key = session_scores.session_key

    left join forms as item_forms
        on
            sessions.episode_key = item_forms.episode_key
            and sessions.session_number = item_forms.session_number
            and item_forms.family = 'alliance'

    where
        sessions.session_number is not null
        and session_scores.alliance_score is not null

),

reported as (

    select
        rupture_keys.series_key,
        forms.session_number as position,
        1.0 - forms.score as value,
        cast(null as double) as lowest_item,
        forms.intensity,
        forms.resolution

    from forms

    inner join rupture_keys
        on
            forms.episode_key = rupture_keys.episode_key
            and forms.instrument_id = rupture_keys.instrument_id
            and forms.version = rupture_keys.version

    where forms.family = 'rupture'

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
