{# Metrics that are a count of a count, by the grain they are counted at. #}

{% set ratios = {
    'session': [
        ('completion', 'n_with_outcome', 'n_attended'),
        ('alliance_completion', 'n_with_alliance', 'n_attended'),
        ('completion_completers', 'n_completers_with_outcome', 'n_completers'),
        ('completion_dropouts', 'n_dropouts_with_outcome', 'n_dropouts'),
        ('reviewed', 'n_reviewed', 'n_with_score'),
        ('back_fill', 'n_forms_back_filled', 'n_forms'),
    ],
    'finished': [
        ('paired', 'n_paired', 'n_finished'),
        ('paired_phq9_gad7', 'n_nhs_paired', 'n_finished'),
    ],
    'started': [
        ('first_session_baseline', 'n_with_baseline', 'n_started'),
    ],
    'alert': [
        ('alerts_acknowledged', 'n_acknowledged', 'n_alerts'),
        ('risk_closed_unacknowledged', 'n_risk_closed_unacknowledged', 'n_risk_alerts'),
    ],
} %}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

session_scores as (

    select * from {{ ref('int_session_scores') }}

),

episodes as (

    select * from {{ ref('fct_episodes') }}

),

form_delays as (

    select * from {{ ref('int_form_delays') }}

),

alerts as (

    select * from {{ ref('fct_alerts') }}

),

session_months as (

    select
        sessions.clinic_id,
        sessions.therapist_key,
        {{ month_of('sessions.session_at') }} as month,
        count(*) as n_attended,
        count(*) filter (where session_scores.has_outcome_in_window) as n_with_outcome,
        count(*) filter (where session_scores.has_alliance_in_window) as n_with_alliance,
        count(*) filter (where episodes.course_status = 'completed') as n_completers,
        count(*) filter (
            where episodes.course_status = 'completed' and session_scores.has_outcome_in_window
        ) as n_completers_with_outcome,
        count(*) filter (where episodes.course_status = 'dropout') as n_dropouts,
        count(*) filter (
            where episodes.course_status = 'dropout' and session_scores.has_outcome_in_window
        ) as n_dropouts_with_outcome,
        count(*) filter (where session_scores.n_forms > 0) as n_with_score,
        count(*) filter (
            where session_scores.n_forms > 0 and sessions.feedback_reviewed
        ) as n_reviewed,
        sum(session_scores.n_forms) as n_forms,
        sum(session_scores.n_forms_back_filled) as n_forms_back_filled

    from sessions

    left join session_scores on sessions.session_key = session_scores.session_key

    left join episodes on sessions.episode_key = episodes.episode_key

    where sessions.is_attended

    group by
        sessions.clinic_id,
        sessions.therapist_key,
        {{ month_of('sessions.session_at') }}

),

finished_months as (

    select
        clinic_id,
        therapist_key,
        {{ month_of('coalesce(end_date, cast(last_session_at as date))') }} as month,
        count(*) as n_finished,
        count(*) filter (where n_outcome_scores >= 2) as n_paired,
        count(*) filter (where is_nhs_paired) as n_nhs_paired

    from episodes

    where is_nhs_finished_course

    group by
        clinic_id,
        therapist_key,
        {{ month_of('coalesce(end_date, cast(last_session_at as date))') }}

),

started_months as (

    select
        clinic_id,
        therapist_key,
        {{ month_of('first_session_at') }} as month,
        count(*) as n_started,
        count(*) filter (
            where cast(outcome_pre_at as date) <= cast(first_session_at as date)
        ) as n_with_baseline

    from episodes

    where n_sessions_attended >= 1

    group by
        clinic_id,
        therapist_key,
        {{ month_of('first_session_at') }}

),

alert_months as (

    select
        clinic_id,
        therapist_key,
        {{ month_of('raised_at') }} as month,
        count(*) as n_alerts,
        count(acknowledged_at) as n_acknowledged,
        count(*) filter (where alert_kind = 'risk_item') as n_risk_alerts,
        count(*) filter (
            where alert_kind = 'risk_item' and status = 'closed_unacknowledged'
        ) as n_risk_closed_unacknowledged

    from alerts

    group by
        clinic_id,
        therapist_key,
        {{ month_of('raised_at') }}

),

{# Whole days; an answer west of UTC may bear the date before. #}
alert_delays as (

    select
        clinic_id,
        therapist_key,
        {{ month_of('raised_at') }} as month,
        greatest(
            {{ days_between('cast(raised_at as date)', 'cast(acknowledged_at as date)') }}, 0
        ) as delay_days,
        count(*) as n_delays

    from alerts

    where acknowledged_at is not null

    group by
        clinic_id,
        therapist_key,
        {{ month_of('raised_at') }},
        greatest(
            {{ days_between('cast(raised_at as date)', 'cast(acknowledged_at as date)') }}, 0
        )

),

delays as (

    select
        'timeliness' as metric,
        clinic_id,
        therapist_key,
        month,
        delay_days,
        n_forms as n_delays

    from form_delays

    union all

    select
        'time_to_acknowledge' as metric,
        clinic_id,
        therapist_key,
        month,
        delay_days,
        n_delays

    from alert_delays

),

alert_scopes as (

    {{ fidelity_scopes('alert_months', [
        'n_alerts',
        'n_acknowledged',
        'n_risk_alerts',
        'n_risk_closed_unacknowledged',
    ]) }}

),

session_scopes as (

    {{ fidelity_scopes('session_months', [
        'n_attended',
        'n_with_outcome',
        'n_with_alliance',
        'n_completers',
        'n_completers_with_outcome',
        'n_dropouts',
        'n_dropouts_with_outcome',
        'n_with_score',
        'n_reviewed',
        'n_forms',
        'n_forms_back_filled',
    ]) }}

),

finished_scopes as (

    {{ fidelity_scopes('finished_months', ['n_finished', 'n_paired', 'n_nhs_paired']) }}

),

started_scopes as (

    {{ fidelity_scopes('started_months', ['n_started', 'n_with_baseline']) }}

),

delay_scopes as (

    select
        metric,
        'clinic' as scope_level,
        clinic_id as scope_id,
        clinic_id,
        month,
        delay_days,
        sum(n_delays) as n_delays

    from delays

    group by
        metric,
        clinic_id,
        month,
        delay_days

    union all

    select
        metric,
        'therapist' as scope_level,
        {{ as_text('therapist_key') }} as scope_id,
        clinic_id,
        month,
        delay_days,
        sum(n_delays) as n_delays

    from delays

    where therapist_key is not null

    group by
        metric,
        therapist_key,
        clinic_id,
        month,
        delay_days

),

running_delays as (

    select
        *,
        sum(n_delays) over (
            partition by metric, scope_level, scope_id, clinic_id, month
            order by delay_days
            rows between unbounded preceding and current row
        ) as n_so_far,
        sum(n_delays) over (
            partition by metric, scope_level, scope_id, clinic_id, month
        ) as n_all

    from delay_scopes

),

median_delays as (

    select
        metric,
        scope_level,
        scope_id,
        clinic_id,
        month,
        max(n_all) as n_delays,
        min(delay_days) filter (where n_so_far * 2 >= n_all) as median_days

    from running_delays

    group by
        metric,
        scope_level,
        scope_id,
        clinic_id,
        month

),

metrics as (

    {% for grain in ratios %}
        {% for metric, numerator, denominator in ratios[grain] %}
            select
                scope_level,
                scope_id,
                clinic_id,
                month,
                '{{ metric }}' as metric,
                {{ numerator }} as numerator,
                {{ denominator }} as denominator,
                {{ numerator }} / nullif(cast({{ denominator }} as double), 0) as metric_value,
                'share' as unit

            from {{ grain }}_scopes

            union all

        {% endfor %}
    {% endfor %}
    select
        scope_level,
        scope_id,
        clinic_id,
        month,
        metric,
        null as numerator,
        n_delays as denominator,
        median_days as metric_value,
        'days' as unit

    from median_delays

),

described as (

    select
        scope_level,
        scope_id,
        clinic_id,
        month,
        metric,
        cast(numerator as bigint) as numerator,
        cast(denominator as bigint) as denominator,
        cast(metric_value as double) as value,
        unit,
        denominator < 11 as is_small

    from metrics

    where denominator > 0

)

select * from described
