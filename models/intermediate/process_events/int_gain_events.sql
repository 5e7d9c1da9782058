{#
    One row per sudden gain or loss: what became of it later in its series. Generic like
    int_gain_intervals. A gain is reversed when any later score, two sessions after n or more,
    gives back more than half of it; a loss when any later score takes back more than half.
    The total change is NULL when the first or the last session has no score.
#}

{{ config(materialized = 'view') }}

with

series as (

    select * from {{ ref('int_gain_series') }}

),

intervals as (

    select * from {{ ref('int_gain_intervals') }}

),

detected as (

    select
        intervals.*,
        after_1 + fall / 2 as reversal_severity

    from intervals

    where is_detected

),

with_severity as (

    select
        detected.series_key,
        detected.position,
        series.position as other_position,
        max(series.position) over (
            partition by detected.series_key, detected.position
        ) as last_position,
        series.direction,
        series.score_min + series.score_max as turn,
        case
            when series.direction < 0 then series.value
            else series.score_min + series.score_max - series.value
        end as severity

    from detected

    inner join series on detected.series_key = series.series_key

),

later as (

    select
        series_key,
        position,
        max(direction) as direction,
        max(turn) as turn,
        max(case when other_position >= position + 2 then severity end) as worst_later,
        min(case when other_position >= position + 2 then severity end) as best_later,
        max(case when other_position = 1 then severity end) as severity_first,
        max(case when other_position = last_position then severity end) as severity_last

    from with_severity

    group by
        series_key,
        position

)

select
    detected.*,
    later.direction,
    later.turn,
    later.severity_first - later.severity_last as total_change,
    case
        when detected.fall > 0 then later.worst_later > detected.reversal_severity
        else later.best_later < detected.reversal_severity
    end as is_reversed

from detected

inner join later
    on
        detected.series_key = later.series_key
        and detected.position = later.position
