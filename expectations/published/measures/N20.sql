-- Attended treatment sessions; broken: their order is unknown, so that none of the episode has a number.
select
    clinic_id,
    'core.fct_sessions' as table_name,
    count(*) as n_scope,
    count(*) filter (where session_number is null) as n_failed
from core.fct_sessions
where is_attended and is_treatment
group by clinic_id
