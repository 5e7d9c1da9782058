{#
    One row per rupture of a series by a detector, with what became of it. Generic: the tests run
    it on hand-made ratings.

    Repaired: a rating within rupture_repair_sessions sessions regains at least repair_share of
    the way back to the level before, and the rating after that one, where there is one, still
    does. A trigger must also have gone. V shape: regained, held or not. Strict: regained to
    within strict_repair_sd SD of the level before, and held.
#}

{{ config(materialized = 'view') }}

{% set repair_sessions = var('rupture_repair_sessions', 3) %}
{% set window_steps = range(1, repair_sessions + 1) %}
{% set ahead = range(1, repair_sessions + 2) %}

{% set of_rating %}
        neighbors.position,
        neighbors.value,
        neighbors.value_before,
        neighbors.fall,
        neighbors.lowest_item,
        neighbors.center_line,
        neighbors.mean_range
        {%- for step in ahead %},
        neighbors.position_ahead_{{ step }},
        neighbors.value_ahead_{{ step }},
        neighbors.lowest_item_ahead_{{ step }}
        {%- endfor %}
{% endset %}

with

levels as (

    select * from {{ ref('int_rupture_levels') }}

),

{# Once per reader: a CTE that is read twice would be copied as a whole. #}
{% for reader in ['drop', 'report', 'level'] %}

{{ reader }}_neighbors as (

    select * from {{ ref('int_rupture_neighbors') }}

),

{{ reader }}_rules as (

    select * from {{ ref('int_rupture_rules') }}

),

{% endfor %}
drops as (

    select
        rules.*,
        {{ of_rating }},
        cast(null as boolean) as is_by_total,
        cast(null as boolean) as is_by_item,
        true as is_by_drop

    from drop_neighbors as neighbors

    inner join drop_rules as rules on neighbors.series_key = rules.series_key

    where
        neighbors.fall > 0
        and rules.kind in ('drop_sd', 'drop_reliable')
        and rules.rating_count >= rules.min_ratings
        and neighbors.fall >= rules.fall_needed
        and (neighbors.fall > rules.fall_needed or not rules.is_more_needed)

),

reports as (

    select
        rules.*,
        {{ of_rating }},
        cast(null as boolean) as is_by_total,
        cast(null as boolean) as is_by_item,
        cast(null as boolean) as is_by_drop

    from report_neighbors as neighbors

    inner join report_rules as rules on neighbors.series_key = rules.series_key

    where
        rules.kind = 'report'
        and rules.rating_count >= rules.min_ratings
        and neighbors.value < 1

),

onsets as (

    select
        rules.*,
        {{ of_rating }},
        levels.is_by_total,
        levels.is_by_item,
        levels.is_by_drop

    from levels

    inner join level_rules as rules
        on
            levels.series_key = rules.series_key
            and levels.detector = rules.detector

    inner join level_neighbors as neighbors
        on
            levels.series_key = neighbors.series_key
            and levels.position = neighbors.position

    where not levels.is_continuing

),

found as (

    select * from drops

    union all

    select * from reports

    union all

    select * from onsets

),

referenced as (

    select
        *,
        case kind
            when 'control_chart' then center_line
            when 'report' then 1.0
            else case when fall > 0 then value_before end
        end as reference_value

    from found

),

leveled as (

    select
        *,
        round(value + repair_share * (reference_value - value), 9) as regained_level,
        round(reference_value - coalesce(strict_repair_sd * sd_used, 0), 9) as strict_level

    from referenced

),

{# Of the ratings ahead: is the level there again, and has a trigger gone? #}
regained as (

    select
        *,
        {% for step in ahead %}
            case
                when kind <> 'trigger' then true
                else
                    not coalesce(
                        {{ compare('value_ahead_' ~ step, 'threshold_operator', 'threshold_points') }},
                        false
                    )
                    and not coalesce(
                        {{ compare('lowest_item_ahead_' ~ step, 'item_operator', 'item_threshold') }},
                        false
                    )
            end as is_quiet_{{ step }},
            position_ahead_{{ step }} <= position + {{ repair_sessions }} as is_in_time_{{ step }},
            coalesce(round(value_ahead_{{ step }}, 9) >= regained_level, regained_level is null)
                as is_back_{{ step }},
            coalesce(round(value_ahead_{{ step }}, 9) >= strict_level, strict_level is null)
                as is_strictly_back_{{ step }}{{ ',' if not loop.last }}
        {% endfor %}

    from leveled

),

judged as (

    select
        *,
        {% for step in window_steps %}
            case when is_in_time_{{ step }} then 1 else 0 end{{ ' +' if not loop.last }}
        {% endfor %} as later_count,
        {% for step in window_steps %}
            coalesce(is_in_time_{{ step }} and is_quiet_{{ step }} and is_back_{{ step }}, false)
            {{- ' or' if not loop.last }}
        {% endfor %} as is_v_shape,
        {% for name, back in [('', 'is_back_'), ('strictly_', 'is_strictly_back_')] %}
            case
                {% for step in window_steps %}
                    when
                        is_in_time_{{ step }}
                        and is_quiet_{{ step }}
                        and {{ back }}{{ step }}
                        and (
                            position_ahead_{{ step + 1 }} is null
                            or (is_quiet_{{ step + 1 }} and {{ back }}{{ step + 1 }})
                        )
                        then {{ step }}
                {% endfor %}
            end as {{ name }}repaired_step{{ ',' if not loop.last }}
        {% endfor %}

    from regained

)

select
    *,
    case repaired_step
        {% for step in window_steps %}
            when {{ step }} then position_ahead_{{ step }}
        {% endfor %}
    end as repaired_position,
    case repaired_step
        {% for step in window_steps %}
            when {{ step }} then position_ahead_{{ step + 1 }} is not null
        {% endfor %}
    end as is_confirmed,
    case
        when repaired_step is not null then 'repaired'
        when is_open and last_position < position + {{ repair_sessions }} then 'pending'
        when position = last_position then 'unrepaired_terminal'
        when later_count = 0 then 'not_rated_after'
        else 'unrepaired'
    end as repair_state

from judged
