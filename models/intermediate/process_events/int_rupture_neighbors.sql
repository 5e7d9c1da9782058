{#
    Every rating with the one before it, the ones after it, and the baseline of a control chart,
    which is every earlier rating of the series. Generic: it reads only series_key, position,
    value and lowest_item of the ratings. A session without a rating breaks the run: no drop and
    no moving range reaches across it.
#}

{% set ahead = range(1, var('rupture_repair_sessions', 3) + 2) %}

with

ratings as (

    select * from {{ ref('int_rupture_ratings') }}

),

followers as (

    select
        series_key,
        position,
        value,
        lowest_item,
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
