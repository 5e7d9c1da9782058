{#
    One row per series, detector and session at which a detector of levels fires: a control chart
    or a trigger. As long as it fires in neighboring sessions it is one rupture, and the later
    rows are is_continuing.

    A baseline of five sessions has four moving ranges; a session without a rating has none.
#}

with

{# Once per reader: a CTE that is read twice would be copied as a whole. #}
{% for reader in ['chart', 'trigger'] %}

{{ reader }}_neighbors as (

    select * from {{ ref('int_rupture_neighbors') }}

),

{{ reader }}_rules as (

    select * from {{ ref('int_rupture_rules') }}

),

{% endfor %}
below_limit as (

    select
        neighbors.series_key,
        rules.detector,
        neighbors.position,
        cast(null as boolean) as is_by_total,
        cast(null as boolean) as is_by_item,
        cast(null as boolean) as is_by_drop

    from chart_neighbors as neighbors

    inner join chart_rules as rules on neighbors.series_key = rules.series_key

    where
        neighbors.value < neighbors.center_line
        and neighbors.mean_range > 0
        and rules.kind = 'control_chart'
        and rules.rating_count >= rules.min_ratings
        and neighbors.range_count >= rules.baseline_sessions - 1
        and round(neighbors.value, 9)
        < round(neighbors.center_line - rules.limit_constant * neighbors.mean_range, 9)

),

triggers as (

    select
        neighbors.series_key,
        rules.detector,
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

    from trigger_neighbors as neighbors

    inner join trigger_rules as rules on neighbors.series_key = rules.series_key

    where
        rules.kind = 'trigger'
        and rules.rating_count >= rules.min_ratings

),

levels as (

    select * from below_limit

    union all

    select * from triggers
    where is_by_total or is_by_item or is_by_drop

)

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
