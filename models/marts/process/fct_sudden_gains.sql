with

events as (

    select * from {{ ref('int_gain_intervals') }}

    where is_detected

),

gain_keys as (

    select * from {{ ref('int_gain_keys') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

{# Sessions n and n+1 in one pass. #}
sessions as (

    select
        events.series_key,
        events.position,
        min(process.clinic_id) as clinic_id,
        {% for column in ['client_key', 'session_key'] %}
            max(case when process.session_number = events.position then process.{{ column }} end)
                as {{ column }},
        {% endfor %}
        {% for column in ['therapist_key', 'session_key', 'session_at'] %}
            max(case when process.session_number > events.position then process.{{ column }} end)
                as next_{{ column }}{{ ',' if not loop.last }}
        {% endfor %}

    from events

    inner join gain_keys on events.series_key = gain_keys.series_key

    inner join process
        on
            gain_keys.episode_key = process.episode_key
            and process.session_number - events.position in (0, 1)

    group by
        events.series_key,
        events.position

),

{# Severity back to the points of the form. #}
placed as (

    select
        {{ key_of('sudden_gain', ['events.series_key', 'events.position']) }} as sudden_gain_key,
        sessions.clinic_id,
        sessions.client_key,
        sessions.next_therapist_key as therapist_key,
        gain_keys.episode_key,
        gain_keys.instrument_id,
        gain_keys.version,
        gain_keys.rater,
        gain_keys.is_primary_outcome,
        events.kind,
        row_number() over (
            partition by events.series_key, events.kind
            order by events.position
        ) as kind_number,
        count(*) over (partition by events.series_key, events.kind) as kind_count,
        sessions.session_key,
        events.position as session_number,
        sessions.next_session_key,
        sessions.next_session_at,
        {% for column, severity in [
            ('score_2_before', 'before_2'),
            ('score_1_before', 'before_1'),
            ('score', 'before_0'),
            ('score_next', 'after_1'),
            ('score_2_after', 'after_2'),
            ('score_3_after', 'after_3'),
            ('reversal_score', 'reversal_severity'),
        ] %}
            case
                when events.direction < 0 then events.{{ severity }}
                else events.turn - events.{{ severity }}
            end as {{ column }},
        {% endfor %}
        events.fall as magnitude,
        events.total_change,
        events.fall / nullif(events.total_change, 0) as total_change_ratio,
        events.is_reversed,
        gain_keys.cutoff as cutoff_points,
        gain_keys.cutoff_source,
        events.before_count,
        events.after_count,
        events.t_critical,
        {{ cf_definition_version() }} as definition_version

    from events

    inner join gain_keys on events.series_key = gain_keys.series_key

    inner join sessions
        on
            events.series_key = sessions.series_key
            and events.position = sessions.position

)

select * from placed
