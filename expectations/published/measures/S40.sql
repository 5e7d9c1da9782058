-- Forms that name no known session; broken: two sessions of the client are equally near in time.
select
    clinic_id,
    'core.fct_scores' as table_name,
    count(distinct response_key) as n_scope,
    count(distinct response_key) filter (where session_link = 'ambiguous') as n_failed
from core.fct_scores
where session_link <> 'given'
group by clinic_id
