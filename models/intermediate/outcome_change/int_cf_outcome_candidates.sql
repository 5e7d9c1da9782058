{# Courses a rate of change or an effect size could count, and the first reason that leaves one out. #}

select
    clinic_id,
    clinic_group,
    episode_key,
    case
        when course_status = 'open' then 'treatment not ended'
        when n_sessions_attended < 2 then 'fewer than two attended sessions'
    end as exclusion_reason

from {{ ref('fct_episodes') }}

where n_sessions_attended >= 1
