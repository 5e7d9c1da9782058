{#
    One row per rupture of a series by a detector, with what became of it. Generic: the tests run
    it on hand-made ratings.

    A detector of levels, a control chart or a trigger, fires as long as it fires in neighboring
    sessions: one rupture. A baseline of five sessions has four moving ranges; a session without a
    rating has none.

    Repaired: a rating within rupture_repair_sessions sessions regains at least repair_share of
    the way back to the level before, and the rating after that one, where there is one, still
    does. A trigger must also have gone. V shape: regained, held or not. Strict: regained to
    within strict_repair_sd SD of the level before, and held. What the client says about resolution
    in the session itself outranks later sessions.
#}

{% set repair_sessions = var('rupture_repair_sessions', 3) %}
{% set window_steps = range(1, repair_sessions + 1) %}
{% set ahead = range(1, repair_sessions + 2) %}

with

{# Every rating beside every detector of its form that has ratings enough. #}
watched as (

    select
        rules.*,
        ratings.position,
        ratings.value,
        ratings.value_before,
        ratings.fall,
        ratings.lowest_item,
        ratings.intensity,
        ratings.resolution,
        ratings.range_count,
        ratings.center_line,
        ratings.mean_range,
        {% for step in ahead %}
            ratings.position_ahead_{{ step }},
            ratings.value_ahead_{{ step }},
            ratings.lowest_item_ahead_{{ step }}{{ ',' if not loop.last }}
        {% endfor %}

    from {{ ref('int_rupture_ratings') }} as ratings

    inner join {{ ref('int_rupture_rules') }} as rules
        on
            ratings.series_key = rules.series_key
            and rules.rating_count >= rules.min_ratings

),

criteria as (

    select
        *,
        case
            when kind = 'trigger'
                then coalesce({{ compare('value', 'threshold_operator', 'threshold_points') }}, false)
        end as is_by_total,
        case
            when kind = 'trigger'
                then coalesce({{ compare('lowest_item', 'item_operator', 'item_threshold') }}, false)
        end as is_by_item,
        case
            when kind in ('drop_sd', 'drop_reliable')
                then
                    fall > 0
                    and fall >= fall_needed
                    and (fall > fall_needed or not is_more_needed)
            when kind = 'trigger' then coalesce(fall >= fall_needed, false)
        end as is_by_drop

    from watched

),

fired as (

    select *

    from criteria

    where
        case kind
            when 'report' then value < 1
            when 'control_chart'
                then
                    value < center_line
                    and mean_range > 0
                    and range_count >= baseline_sessions - 1
                    and round(value, 9) < round(center_line - limit_constant * mean_range, 9)
            else is_by_drop or coalesce(is_by_total or is_by_item, false)
        end

),

spells as (

    select
        *,
        kind in ('control_chart', 'trigger')
        and coalesce(
            position - lag(position) over (
                partition by series_key, detector
                order by position
            ) = 1,
            false
        ) as is_continuing,
        position - row_number() over (
            partition by series_key, detector
            order by position
        ) as run_number

    from fired

),

counted as (

    select
        *,
        case
            when kind in ('control_chart', 'trigger')
                then max(position) over (partition by series_key, detector, run_number)
            else position
        end as last_firing_position,
        count(*) filter (where is_continuing) over (
            partition by series_key, detector
        ) as continuing_count,
        case kind
            when 'control_chart' then center_line
            when 'report' then 1.0
            else case when fall > 0 then value_before end
        end as reference_value

    from spells

),

leveled as (

    select
        *,
        round(value + repair_share * (reference_value - value), 9) as regained_level,
        round(reference_value - coalesce(strict_repair_sd * sd_used, 0), 9) as strict_level

    from counted

    where not is_continuing

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

),

labeled as (

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
            when resolution >= resolved_from then 'repaired'
            when resolution < resolved_from then 'unrepaired'
            when repaired_step is not null then 'repaired'
            when is_open and last_position < position + {{ repair_sessions }} then 'pending'
            when position = last_position then 'unrepaired_terminal'
            when later_count = 0 then 'not_rated_after'
            else 'unrepaired'
        end as repair_state

    from judged

)

select
    *,
    case when family = 'alliance' then reference_value - value end as depth_points,
    case
        when repair_state in ('repaired', 'unrepaired') then strictly_repaired_step is not null
    end as is_strictly_repaired

from labeled
