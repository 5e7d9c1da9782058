-- Episodes with an attended session of a known therapist; broken: no therapist held the main part.
select
    clinic_id,
    'core.fct_episodes' as table_name,
    count(*) as n_scope,
    count(*) filter (where is_mixed_therapist) as n_failed
from core.fct_episodes
where is_mixed_therapist is not null and n_sessions_attended >= 1
group by clinic_id
