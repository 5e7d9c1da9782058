select
    scope_level,
    scope_id,
    clinic_id,
    fidelity.month,
    max(denominator) filter (where metric = 'completion') as n_sessions,
    100 * max(value) filter (where metric = 'completion') as outcome_form_percent,
    100 * max(value) filter (where metric = 'alliance_completion') as alliance_form_percent,
    max(denominator) filter (where metric = 'reviewed') as n_sessions_scored,
    100 * max(value) filter (where metric = 'reviewed') as reviewed_percent,
    max(denominator) filter (where metric = 'paired') as n_finished,
    100 * max(value) filter (where metric = 'paired') as paired_percent

from {{ ref('mbc_fidelity').include(database=false) }} as fidelity

where scope_level = 'clinic'

group by
    scope_level,
    scope_id,
    clinic_id,
    fidelity.month
