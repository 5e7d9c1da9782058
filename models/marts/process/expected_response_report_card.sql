select
    instrument_id,
    version,
    intake_band,
    metric,
    estimate,
    ci_low,
    ci_high,
    ci_level,
    nominal,
    n_used,
    {{ cf_precision(too_imprecise='n_used < 11') }} as precision_label,
    reason as not_estimable_reason,
    cast({{ var('not_on_track_rate') }} as double) as signal_rate,
    {{ cf_definition_version() }} as definition_version

from {{ ref('int_expected_response') }}

where part = 'report_card'
