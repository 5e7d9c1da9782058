-- Waivers of config/waivers.yml; broken: their last day is over.
select
    clinic_id,
    'quality.dq_waivers' as table_name,
    count(*) as n_scope,
    count(*) filter (where is_expired) as n_failed,
    nullif(string_agg(case when is_expired
        then rule_id || ' until ' || valid_until end, ', ' order by rule_id, valid_until), '')
        as detail
from quality.dq_waivers
group by clinic_id
