-- Alliance-outcome correlations of enough clients; broken: strongly negative, as if turned around.
select
    case when scope_level = 'clinic' then scope_id end as clinic_id,
    'common_factors.cf_alliance_outcome' as table_name,
    count(*) as n_scope,
    count(*) filter (where estimate < :lowest) as n_failed
from common_factors.cf_alliance_outcome
where n_clients >= :min_clients and estimate is not null
group by case when scope_level = 'clinic' then scope_id end
