-- Episodes with enough attended sessions; broken: no outcome score by the day of session 1.
select
    clinic_id,
    'core.fct_episodes' as table_name,
    count(*) as n_scope,
    count(*) filter (
        where coalesce(cast(outcome_pre_at as date) > cast(first_session_at as date), true)
    ) as n_failed
from core.fct_episodes
where n_sessions_attended >= :min_sessions
group by clinic_id
