{#
    What becomes of every treated episode on the way into a metric: the first reason that leaves it
    out, or whether it counts as a success.
#}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

    where n_sessions_attended >= 1

),

clinics as (

    select
        clinic_id,
        extract_date

    from {{ ref('dim_clinics') }}

),

dated as (

    select
        episodes.*,
        {{ days_between(
            'coalesce(episodes.end_date, cast(episodes.last_session_at as date))',
            'clinics.extract_date',
        ) }} as days_since_end

    from episodes

    left join clinics on episodes.clinic_id = clinics.clinic_id

),

fates as (

    {% set is_open = "course_status = 'open'" %}
    {# Finished, for NHS Talking Therapies, means discharged: gone silent is not enough. #}
    {% set is_not_discharged = 'discharge_reason is null and end_date is null' %}
    {% for metric, is_running, has_scores, is_judged, is_eligible, is_success in [
        (
            'jt_recovery', is_open,
            'n_outcome_scores >= 2', 'jt_class is not null',
            'jt_is_case_at_start', "jt_class = 'recovered'",
        ),
        (
            'jt_reliable_improvement', is_open,
            'n_outcome_scores >= 2', 'is_reliably_improved is not null',
            'true', 'is_reliably_improved',
        ),
        (
            'nhs_reliable_recovery', is_not_discharged,
            'is_nhs_paired', 'nhs_is_reliably_improved is not null',
            'nhs_is_case_at_start', 'nhs_is_reliably_recovered',
        ),
        (
            'nhs_reliable_improvement', is_not_discharged,
            'is_nhs_paired', 'nhs_is_reliably_improved is not null',
            'true', 'nhs_is_reliably_improved',
        ),
    ] %}
    select
        clinic_id,
        clinic_group,
        episode_key,
        '{{ metric }}' as metric,
        case
            when {{ is_running }} then 'treatment not ended'
            when days_since_end > {{ var('funnel_days') }} then 'ended before the period'
            when n_sessions_attended < 2 then 'fewer than two attended sessions'
            when not coalesce({{ has_scores }}, false) then 'not measured twice'
            when not {{ is_judged }} then 'no cut-off or reliable change'
            when not {{ is_eligible }} then 'not a case at the start'
            when {{ is_success }} then 'success'
            else 'no success'
        end as fate

    from dated

    {% if not loop.last %}union all{% endif %}

    {% endfor %}

)

select * from fates
