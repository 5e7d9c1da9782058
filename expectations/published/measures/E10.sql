-- Finished courses; broken: fewer than two outcome scores. In words: missing by discharge reason.
select
    clinic_id,
    'core.fct_episodes' as table_name,
    sum(n_finished) as n_scope,
    sum(n_unpaired) as n_failed,
    string_agg(reason || ' ' || n_unpaired || ' of ' || n_finished, ', ' order by reason)
        as detail
from (
    select
        clinic_id,
        coalesce(discharge_reason, 'no reason') as reason,
        count(*) as n_finished,
        count(*) filter (where coalesce(n_outcome_scores, 0) < 2) as n_unpaired
    from core.fct_episodes
    where is_nhs_finished_course
    group by clinic_id, coalesce(discharge_reason, 'no reason')
)
group by clinic_id
