-- Rows of the tables that joins could multiply; broken: more rows than keys.
select cast(null as varchar) as clinic_id, 'core.fct_scores' as table_name, count(*) as n_scope,
    count(*) - count(distinct (response_key, scale)) as n_failed
from core.fct_scores
union all
select null, 'core.fct_sessions', count(*), count(*) - count(distinct session_key)
from core.fct_sessions
union all
select null, 'core.fct_episodes', count(*), count(*) - count(distinct episode_key)
from core.fct_episodes
union all
select null, 'process.fct_session_process', count(*), count(*) - count(distinct session_key)
from process.fct_session_process
union all
select null, 'core.dim_clients', count(*), count(*) - count(distinct (clinic_id, client_key))
from core.dim_clients
