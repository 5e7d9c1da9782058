select
    scope_level,
    scope_id,
    case when scope_level = 'clinic' then scope_id end as clinic_id,
    alliance_instrument_id,
    alliance_window,
    replace(metric, 'risk_', '') as alliance_third,
    alliance_above,
    alliance_up_to,
    estimate,
    ci_low,
    ci_high,
    n_dropouts,
    n_clients,
    precision_label,
    caution

from {{ ref('cf_early_alliance_dropout').include(database=false) }}

where metric in ('risk_low', 'risk_middle', 'risk_high')
