{#
    One row per series: how many ratings, how they spread, and whether they run high-low-high.

    A U shape is a quadratic term above 0 in the least-squares parabola of the ratings over the
    session numbers, from eight ratings on; turning_position is where that parabola is lowest.
#}

{% set min_ratings = var('u_shape_min_ratings', 8) %}

with

neighbors as (

    select * from {{ ref('int_rupture_neighbors') }}

),

rupture_keys as (

    select * from {{ ref('int_rupture_keys') }}

),

detectors as (

    select * from {{ ref('detectors') }}

),

chart as (

    select min(baseline_sessions) as baseline_sessions
    from detectors
    where kind = 'control_chart'

),

numbered as (

    select
        neighbors.*,
        cast(neighbors.position as double) as x,
        neighbors.range_count >= chart.baseline_sessions - 1
        and neighbors.mean_range > 0 as has_baseline

    from neighbors

    cross join chart

),

sums as (

    select
        series_key,
        count(*) as rating_count,
        count(fall) as pair_count,
        sum(case when has_baseline then 1 else 0 end) as chart_count,
        avg(value) as mean_value,
        var_samp(value) as variance,
        max(case when baseline_count = 0 then value end) as first_value,
        sum(x) as x1,
        sum(x * x) as x2,
        sum(x * x * x) as x3,
        sum(x * x * x * x) as x4,
        sum(x * value) as x1y,
        sum(x * x * value) as x2y,
        sum(value) as y

    from numbered

    group by series_key

),

centered as (

    select
        *,
        x2 - x1 * x1 / rating_count as s11,
        x3 - x1 * x2 / rating_count as s12,
        x4 - 1.0 * x2 * x2 / rating_count as s22,
        x1y - x1 * y / rating_count as s1y,
        x2y - x2 * y / rating_count as s2y

    from sums

),

shaped as (

    select
        *,
        case
            when rating_count >= {{ min_ratings }}
                then (s11 * s2y - s12 * s1y) / nullif(s11 * s22 - s12 * s12, 0)
        end as quadratic,
        (s22 * s1y - s12 * s2y) / nullif(s11 * s22 - s12 * s12, 0) as linear

    from centered

)

select
    rupture_keys.*,
    shaped.rating_count,
    shaped.pair_count,
    shaped.chart_count,
    shaped.mean_value,
    {{ pomp('shaped.mean_value', 'rupture_keys.score_min', 'rupture_keys.score_max') }}
        as mean_pomp,
    sqrt(shaped.variance) as sd_within,
    shaped.first_value,
    shaped.quadratic,
    round(shaped.quadratic, 9) > 0 as is_u_shape,
    case
        when round(shaped.quadratic, 9) > 0 then -shaped.linear / (2 * shaped.quadratic)
    end as turning_position

from shaped

inner join rupture_keys on shaped.series_key = rupture_keys.series_key
