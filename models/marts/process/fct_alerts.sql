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

clinics as (

    select
        clinic_id,
        extract_date

    from {{ ref('dim_clinics') }}

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

{# What people did, in order; whoever acknowledges, snoozes or closes has seen it. #}
answers as (

    select * from {{ ref('stg_lake__alert_acknowledgements') }}

),

acknowledgements as (

    select
        alert_key,
        min(acknowledged_at) as acknowledged_at,
        {{ first_by('acknowledged_by', 'acknowledged_at', 'acknowledged_by') }} as acknowledged_by

    from answers

    group by alert_key

),

{# The last of acknowledging and snoozing counts: who acknowledges takes it up again. #}
latest_answers as (

    select
        alert_key,
        max(acknowledged_at) as answered_at,
        {{ last_by('act', 'acknowledged_at', 'acknowledged_by') }} as act,
        {{ last_by('snoozed_until', 'acknowledged_at', 'acknowledged_by') }} as snoozed_until

    from answers

    where act <> 'closed'

    group by alert_key

),

{# The first who closes it, closes it. #}
closings as (

    select
        alert_key,
        min(acknowledged_at) as closed_at,
        {{ first_by('acknowledged_by', 'acknowledged_at', 'acknowledged_by') }} as closed_by,
        {{ first_by('reason', 'acknowledged_at', 'acknowledged_by') }} as reason

    from answers

    where act = 'closed'

    group by alert_key

),

answered as (

    select
        acknowledgements.alert_key,
        acknowledgements.acknowledged_at,
        acknowledgements.acknowledged_by,
        latest_answers.answered_at,
        case when latest_answers.act = 'snoozed' then latest_answers.snoozed_until end as snoozed_until,
        closings.closed_at,
        closings.closed_by,
        closings.reason

    from acknowledgements

    left join latest_answers on acknowledgements.alert_key = latest_answers.alert_key

    left join closings on acknowledgements.alert_key = closings.alert_key

),

{# A form that came after the end of treatment is still somebody's to read. #}
ended as (

    select
        united.*,
        answered.acknowledged_at,
        answered.acknowledged_by,
        answered.answered_at,
        answered.snoozed_until,
        answered.closed_at,
        answered.closed_by,
        answered.reason,
        answered.snoozed_until > coalesce(clinics.extract_date, cast(united.raised_at as date))
            as is_snoozed,
        episodes.last_date >= cast(united.raised_at as date) as is_episode_over,
        cast(episodes.last_date as timestamp) as episode_ended_at,
        case
            when episodes.course_status = 'inactive_open' then 'treatment went silent'
            else 'treatment ended'
        end as episode_reason

    from united

    left join episodes on united.episode_key = episodes.episode_key

    left join clinics on united.clinic_id = clinics.clinic_id

    left join answered on united.alert_key = answered.alert_key

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
            when closed_at is not null then 'closed'
            when (ended_at is not null or is_episode_over) and acknowledged_at is null
                then 'closed_unacknowledged'
            when ended_at is not null or is_episode_over then 'closed'
            when is_snoozed then 'snoozed'
            when acknowledged_at is not null and snoozed_until is null then 'acknowledged'
            else 'open'
        end as status,
        case
            when closed_at is not null then closed_at
            when ended_at is not null then ended_at
            when is_episode_over then episode_ended_at
            when is_snoozed then answered_at
            when snoozed_until is not null then cast(snoozed_until as timestamp)
            when acknowledged_at is not null then acknowledged_at
            else raised_at
        end as status_at,
        case
            when closed_at is not null then reason
            when ended_at is not null then ended_because
            when is_episode_over then episode_reason
        end as closed_reason,
        closed_by,
        snoozed_until,
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

    select
        published.*,
        answered.closed_at,
        answered.reason,
        coalesce(published.status in ('closed', 'closed_unacknowledged'), false) as was_closed,
        coalesce(answered.acknowledged_at, published.acknowledged_at) as seen_at,
        coalesce(answered.acknowledged_by, published.acknowledged_by) as seen_by,
        coalesce(answered.closed_by, published.closed_by) as person_closed_by

    from {{ ref('stg_lake__published_alerts') }} as published

    inner join {{ ref('dim_clients') }} as clients on published.client_key = clients.client_key

    left join answered on published.alert_key = answered.alert_key

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
    case
        when withdrawn.seen_at is null then 'closed_unacknowledged'
        else 'closed'
    end as status,
    case
        when withdrawn.was_closed then withdrawn.status_at
        when withdrawn.closed_at is not null then withdrawn.closed_at
        else coalesce(withdrawn.last_published_at, withdrawn.status_at)
    end as status_at,
    case
        when withdrawn.was_closed then withdrawn.closed_reason
        when withdrawn.closed_at is not null then withdrawn.reason
        else 'no longer raised after recalculation'
    end as closed_reason,
    withdrawn.person_closed_by as closed_by,
    withdrawn.snoozed_until,
    withdrawn.seen_at as acknowledged_at,
    withdrawn.seen_by as acknowledged_by,
    withdrawn.response_key,
    withdrawn.instrument_id,
    withdrawn.source_file,
    withdrawn.source_line

from withdrawn

left join {{ ref('fct_episodes') }} as known_episodes
    on withdrawn.episode_key = known_episodes.episode_key

left join {{ ref('fct_sessions') }} as known_sessions
    on withdrawn.session_key = known_sessions.session_key
