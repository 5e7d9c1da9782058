with

events as (

    select * from {{ ref('int_rupture_events') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

process as (

    select
        episode_key,
        session_number,
        {% for part in ['task', 'bond', 'goal'] %}
            lag({{ part }}_pomp) over by_session - {{ part }}_pomp as {{ part }}_fall,
        {% endfor %}
        session_number - lag(session_number) over by_session as sessions_apart

    from {{ ref('fct_session_process') }}

    where session_number is not null

    window by_session as (partition by episode_key order by session_number)

),

{# The part that fell most, and by how much more than the next; equal falls are of no one part. #}
parts as (

    select
        *,
        greatest(task_fall, bond_fall, goal_fall) as largest_fall,
        task_fall + bond_fall + goal_fall
        - greatest(task_fall, bond_fall, goal_fall)
        - least(task_fall, bond_fall, goal_fall) as next_fall

    from process

    where
        sessions_apart = 1
        and task_fall is not null
        and bond_fall is not null
        and goal_fall is not null

),

typed as (

    select
        episode_key,
        session_number,
        round(largest_fall - next_fall, 9) as rupture_type_margin_pomp,
        case largest_fall
            when task_fall then 'task'
            when bond_fall then 'bond'
            else 'goal'
        end as rupture_type

    from parts

    where
        round(largest_fall, 9) > 0
        and round(largest_fall - next_fall, 9) > 0

),

joined as (

    select
        {{ key_of('rupture', ['events.series_key', 'events.detector', 'events.position']) }}
            as rupture_key,
        events.clinic_id,
        events.client_key,
        sessions.therapist_key,
        events.episode_key,
        sessions.session_key,
        events.position as session_number,
        sessions.session_at,
        events.detector,
        events.instrument_id,
        events.version,
        events.rater,
        {% for column, value in [
            ('score_before', 'value_before'),
            ('score', 'value'),
            ('drop_points', 'value_before - events.value'),
            ('reference_score', 'reference_value'),
            ('sd_within_points', 'sd_within'),
            ('sd_pooled_points', 'sd_pooled'),
            ('sd_used_points', 'sd_used'),
        ] %}
            case when events.family = 'alliance' then events.{{ value }} end as {{ column }},
        {% endfor %}
        events.depth_points,
        events.score_max - events.score_min as score_range,
        events.lowest_item,
        events.is_by_total,
        events.is_by_item,
        events.is_by_drop,
        case
            when events.kind = 'trigger'
                then
                    events.value < events.threshold_points
                    or events.is_by_item
                    or events.is_by_drop
        end as is_strict_trigger,
        events.fall_needed as drop_needed_points,
        case
            when events.kind = 'trigger' then events.threshold_points
            when events.kind = 'control_chart'
                then events.center_line - events.limit_constant * events.mean_range
        end as limit_score,
        case
            when events.kind = 'trigger' then events.threshold_operator
            when events.kind = 'control_chart' then '<'
        end as limit_operator,
        case when events.kind = 'control_chart' then events.center_line end as center_line,
        case when events.kind = 'control_chart' then events.mean_range end as mean_range,
        events.intensity,
        events.resolution,
        events.repair_state,
        events.is_strictly_repaired,
        events.is_confirmed,
        events.repaired_position,
        events.later_count,
        events.is_v_shape,
        coalesce(events.is_u_shape, false) as is_episode_u_shape,
        events.is_ceiling_limited,
        events.rating_count,
        typed.rupture_type,
        typed.rupture_type_margin_pomp,
        events.evidence

    from events

    inner join sessions
        on
            events.episode_key = sessions.episode_key
            and events.position = sessions.session_number

    left join typed
        on
            events.episode_key = typed.episode_key
            and events.position = typed.session_number

)

select
    rupture_key,
    clinic_id,
    client_key,
    therapist_key,
    episode_key,
    session_key,
    session_number,
    session_at,
    detector,
    instrument_id,
    version,
    rater,
    score_before,
    score,
    drop_points,
    reference_score,
    depth_points,
    depth_points * 100.0 / nullif(score_range, 0) as depth_pomp,
    lowest_item,
    is_by_total,
    is_by_item,
    is_by_drop,
    is_strict_trigger,
    drop_needed_points,
    limit_score,
    limit_operator,
    sd_within_points,
    sd_pooled_points,
    sd_used_points,
    center_line,
    mean_range,
    rupture_type,
    rupture_type_margin_pomp,
    intensity,
    resolution,
    repair_state,
    case when repair_state in ('repaired', 'unrepaired') then repair_state = 'repaired' end
        as is_repaired,
    is_strictly_repaired,
    case when repair_state = 'repaired' then coalesce(is_confirmed, false) end
        as is_repair_confirmed,
    case when repair_state = 'repaired' then repaired_position end as repaired_session_number,
    later_count as later_rating_count,
    is_v_shape,
    is_episode_u_shape,
    is_ceiling_limited,
    rating_count,
    evidence,
    {{ cf_definition_version() }} as definition_version

from joined
