-- Sessions with an ORS and an SRS total; broken: both totals are the same number.
select
    clinic_id,
    'core.fct_scores' as table_name,
    case when count(*) >= :min_sessions then count(*) else 0 end as n_scope,
    case when count(*) >= :min_sessions
        then count(*) filter (where abs(ors - srs) <= :tolerance + 1e-9) else 0 end as n_failed
from (
    select
        clinic_id,
        session_key,
        min(score) filter (where instrument_id = 'ors') as ors,
        min(score) filter (where instrument_id = 'srs') as srs
    from core.fct_scores
    where scale = 'total' and rater = 'client' and session_key is not null
    group by clinic_id, session_key
)
where ors is not null and srs is not null
group by clinic_id
