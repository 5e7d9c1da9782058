-- Weeks of therapists with an attended session; broken: more attended sessions than possible.
select
    clinic_id,
    'core.fct_sessions' as table_name,
    count(*) as n_scope,
    count(*) filter (where n_attended > :sessions_a_week) as n_failed
from (
    select
        clinic_id,
        therapist_key,
        date_trunc('week', session_at) as week,
        count(distinct case when session_type = 'group'
            then cast(session_at as varchar) else cast(session_key as varchar) end) as n_attended
    from core.fct_sessions
    where is_attended and therapist_key is not null
    group by clinic_id, therapist_key, date_trunc('week', session_at)
)
group by clinic_id
