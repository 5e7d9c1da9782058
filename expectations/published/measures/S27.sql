-- Forms whose answers raise a risk flag; broken: process.fct_alerts has no alert for the form.
select
    forms.clinic_id,
    'process.fct_alerts' as table_name,
    count(*) as n_scope,
    count(*) filter (where alerts.response_key is null) as n_failed
from (
    select distinct scores.clinic_id, scores.response_key
    from core.fct_scores as scores
    semi join lake_flags as flags
        on scores.response_key = flags.response_key and flags.is_raised
) as forms
left join (
    select distinct response_key from process.fct_alerts where alert_kind = 'risk_item'
) as alerts on forms.response_key = alerts.response_key
group by forms.clinic_id
