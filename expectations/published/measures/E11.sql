-- Episodes with a change; broken: first and last are not two forms in order of time.
select
    clinic_id,
    'core.fct_episodes' as table_name,
    count(*) as n_scope,
    count(*) filter (
        where n_outcome_scores < 2 or coalesce(outcome_pre_at >= outcome_post_at, true)
    ) as n_failed
from core.fct_episodes
where improvement is not null
group by clinic_id
