select
    risk_bin,
    metric,
    estimate,
    ci_low,
    ci_high,
    ci_level,
    nominal,
    n_used,
    {{ cf_precision(too_imprecise='n_used < 11') }} as precision_label,
    reason as not_estimable_reason,
    {{ cf_definition_version() }} as definition_version

from {{ ref('int_dropout_risk') }}

where part = 'report_card'
