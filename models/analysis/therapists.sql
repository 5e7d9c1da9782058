select
    scope_level,
    scope_id,
    case when scope_level = 'clinic' then scope_id end as clinic_id,
    outcome_instrument_id,
    therapist_key,
    n_clients,
    mean_improvement,
    estimate,
    ci_low,
    ci_high,
    therapist_rank,
    rank_best,
    rank_worst,
    reliability,
    standing,
    precision_label,
    caution

from {{ ref('cf_therapist_caterpillar').include(database=false) }}

where estimate is not null
