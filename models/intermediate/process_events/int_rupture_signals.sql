{#
    One row per series, detector and rated session at which the detector fires. A control chart
    and a trigger judge a level: as long as it fires in neighboring sessions it is one rupture,
    and the later rows are is_continuing.
#}

{% set no_flag = 'cast(null as boolean)' %}

with

neighbors as (

    select * from {{ ref('int_rupture_neighbors') }}

),

all_rules as (

    select * from {{ ref('int_rupture_rules') }}

),

rules as (

    select
        series_key,
        detector,
        kind,
        threshold_points,
        threshold_operator,
        item_threshold,
        item_operator,
        baseline_sessions,
        limit_constant,
        fall_needed,
        is_more_needed

    from all_rules

    where rating_count >= min_ratings

),

drops as (

    select
        neighbors.series_key,
        rules.detector,
        rules.kind,
        neighbors.position,
        {{ no_flag }} as is_by_total,
        {{ no_flag }} as is_by_item,
        true as is_by_drop

    from neighbors

    inner join rules on neighbors.series_key = rules.series_key

    where
        neighbors.fall > 0
        and rules.kind in ('drop_sd', 'drop_reliable')
        and neighbors.fall >= rules.fall_needed
        and (neighbors.fall > rules.fall_needed or not rules.is_more_needed)

),

below_limit as (

    select
        neighbors.series_key,
        rules.detector,
        rules.kind,
        neighbors.position,
        {{ no_flag }} as is_by_total,
        {{ no_flag }} as is_by_item,
        {{ no_flag }} as is_by_drop

    from neighbors

    inner join rules on neighbors.series_key = rules.series_key

    where
        neighbors.value < neighbors.center_line
        and neighbors.mean_range > 0
        and rules.kind = 'control_chart'
        and neighbors.baseline_count >= rules.baseline_sessions
        and neighbors.range_count >= rules.baseline_sessions - 1
        and round(neighbors.value, 9)
        < round(neighbors.center_line - rules.limit_constant * neighbors.mean_range, 9)

),

triggers as (

    select
        neighbors.series_key,
        rules.detector,
        rules.kind,
        neighbors.position,
        coalesce(
            {{ compare('neighbors.value', 'rules.threshold_operator', 'rules.threshold_points') }},
            false
        ) as is_by_total,
        coalesce(
            {{ compare('neighbors.lowest_item', 'rules.item_operator', 'rules.item_threshold') }},
            false
        ) as is_by_item,
        coalesce(neighbors.fall >= rules.fall_needed, false) as is_by_drop

    from neighbors

    inner join rules on neighbors.series_key = rules.series_key

    where rules.kind = 'trigger'

),

reports as (

    select
        neighbors.series_key,
        rules.detector,
        rules.kind,
        neighbors.position,
        {{ no_flag }} as is_by_total,
        {{ no_flag }} as is_by_item,
        {{ no_flag }} as is_by_drop

    from neighbors

    inner join rules on neighbors.series_key = rules.series_key

    where
        rules.kind = 'report'
        and neighbors.value < 1

),

levels as (

    select * from below_limit

    union all

    select * from triggers
    where is_by_total or is_by_item or is_by_drop

),

levels_in_order as (

    select
        levels.*,
        coalesce(
            position - lag(position) over (
                partition by series_key, detector
                order by position
            ) = 1,
            false
        ) as is_continuing

    from levels

)

select
    drops.*,
    false as is_continuing

from drops

union all

select
    reports.*,
    false as is_continuing

from reports

union all

select * from levels_in_order
