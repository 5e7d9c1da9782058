with

session_alerts as (

    {% for model in ['int_alert_signals', 'int_alert_ruptures'] %}
    select
        alert_kind,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        raised_at,
        instrument_id,
        threshold,
        rule,
        ended_at,
        ended_because

    from {{ ref(model) }}

    {% if not loop.last %}union all{% endif %}

    {% endfor %}

),

risk_items as (

    select * from {{ ref('int_alert_risk_items') }}

),

episodes as (

    select
        episode_key,
        course_status,
        coalesce(end_date, cast(last_session_at as date)) as last_date

    from {{ ref('fct_episodes') }}

    where course_status <> 'open'

),

{# The form a session's alert rests on: the client's last one of that instrument. #}
forms as (

    select
        scores.session_key,
        scores.instrument_id,
        {{ last_by('scores.response_key', 'scores.completed_at', 'scores.response_key') }}
            as response_key,
        {{ last_by('scores.source_file', 'scores.completed_at', 'scores.response_key') }}
            as source_file,
        {{ last_by('scores.source_line', 'scores.completed_at', 'scores.response_key') }}
            as source_line

    from {{ ref('fct_scores') }} as scores

    where
        scores.rater = 'client'
        and scores.session_key in (select session_alerts.session_key from session_alerts)

    group by
        scores.session_key,
        scores.instrument_id

),

united as (

    select
        {{ key_of('alert', [
            'session_alerts.alert_kind', 'session_alerts.episode_key', 'session_alerts.session_key'
        ]) }} as alert_key,
        session_alerts.*,
        forms.response_key,
        forms.source_file,
        forms.source_line,
        {{ cf_definition_version() }} as definition_version

    from session_alerts

    left join forms
        on
            session_alerts.session_key = forms.session_key
            and session_alerts.instrument_id = forms.instrument_id

    union all

    select
        {{ key_of('alert', ['alert_kind', 'flag', 'response_key']) }} as alert_key,
        alert_kind,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        raised_at,
        instrument_id,
        threshold,
        rule,
        ended_at,
        ended_because,
        response_key,
        source_file,
        source_line,
        definition_version

    from risk_items

),

acknowledgements as (

    select
        alert_key,
        min(acknowledged_at) as acknowledged_at,
        {{ first_by('acknowledged_by', 'acknowledged_at', 'acknowledged_by') }} as acknowledged_by

    from {{ ref('stg_lake__alert_acknowledgements') }}

    group by alert_key

),

{# A form that came after the end of treatment is still somebody's to read. #}
ended as (

    select
        united.*,
        acknowledgements.acknowledged_at,
        acknowledgements.acknowledged_by,
        episodes.last_date >= cast(united.raised_at as date) as is_episode_over,
        cast(episodes.last_date as timestamp) as episode_ended_at,
        case
            when episodes.course_status = 'inactive_open' then 'treatment went silent'
            else 'treatment ended'
        end as episode_reason

    from united

    left join episodes on united.episode_key = episodes.episode_key

    left join acknowledgements on united.alert_key = acknowledgements.alert_key

),

current_alerts as (

    select
        alert_key,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        alert_kind,
        raised_at,
        rule,
        threshold,
        definition_version,
        case
            when ended_at is not null or is_episode_over then 'closed'
            when acknowledged_at is not null then 'acknowledged'
            else 'open'
        end as status,
        case
            when ended_at is not null then ended_at
            when is_episode_over then episode_ended_at
            when acknowledged_at is not null then acknowledged_at
            else raised_at
        end as status_at,
        case
            when ended_at is not null then ended_because
            when is_episode_over then episode_reason
        end as closed_reason,
        acknowledged_at,
        acknowledged_by,
        response_key,
        instrument_id,
        source_file,
        source_line

    from ended

),

{#
    What an earlier release raised and the data no longer do: a corrected form, a rule or a model
    that learned more. It stays, closed. Clients the lake no longer holds are gone from here too.
#}
withdrawn as (

    select published.*

    from {{ ref('stg_lake__published_alerts') }} as published

    inner join {{ ref('dim_clients') }} as clients on published.client_key = clients.client_key

    left join current_alerts on published.alert_key = current_alerts.alert_key

    where current_alerts.alert_key is null

)

select * from current_alerts

union all

select
    withdrawn.alert_key,
    withdrawn.clinic_id,
    withdrawn.client_key,
    known_episodes.episode_key,
    known_sessions.session_key,
    withdrawn.therapist_key,
    withdrawn.alert_kind,
    withdrawn.raised_at,
    withdrawn.rule,
    withdrawn.threshold,
    withdrawn.definition_version,
    'closed' as status,
    case
        when withdrawn.status = 'closed' then withdrawn.status_at
        else coalesce(withdrawn.last_published_at, withdrawn.status_at)
    end as status_at,
    case
        when withdrawn.status = 'closed' then withdrawn.closed_reason
        else 'no longer raised after recalculation'
    end as closed_reason,
    withdrawn.acknowledged_at,
    withdrawn.acknowledged_by,
    withdrawn.response_key,
    withdrawn.instrument_id,
    withdrawn.source_file,
    withdrawn.source_line

from withdrawn

left join {{ ref('fct_episodes') }} as known_episodes
    on withdrawn.episode_key = known_episodes.episode_key

left join {{ ref('fct_sessions') }} as known_sessions
    on withdrawn.session_key = known_sessions.session_key
