{#
    A share shows its counts, so 1 to small_number - 1 on either side hide it. Of the four cells
    flagged or not by deteriorated or not, any one follows from the others and the number flagged: the
    metrics that show them are hidden together. The bands of a metric make the whole, so where one
    is hidden the next smallest is too.
#}

with

cards as (

    select * from {{ ref('int_expected_response') }}

    where part = 'report_card'

),

counted as (

    select
        *,
        case when metric <> 'lead_time_sessions' then round(estimate * n_used) end as n_positive

    from cards

),

labeled as (

    select
        *,
        case
            when estimate is null then 'suppressed'
            when n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_positive between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when n_used - n_positive between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            else 'reportable'
        end as own_label

    from counted

),

{{ report_card_hidden(
    ['instrument_id', 'version'],
    'intake_band',
    ['hit_rate_deteriorated', 'false_alarm_rate', 'flagged_who_deteriorated', 'lead_time_sessions'],
) }}

select
    instrument_id,
    version,
    intake_band,
    metric,
    case when precision_label = 'reportable' then estimate end as estimate,
    case when precision_label = 'reportable' then ci_low end as ci_low,
    case when precision_label = 'reportable' then ci_high end as ci_high,
    ci_level,
    nominal,
    case when precision_label = 'reportable' then n_used end as n_used,
    precision_label,
    reason as not_estimable_reason,
    cast({{ var('not_on_track_rate') }} as double) as signal_rate,
    {{ cf_definition_version() }} as definition_version

from shown
