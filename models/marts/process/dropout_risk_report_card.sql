{# Hidden as in expected_response_report_card. #}

with

cards as (

    select * from {{ ref('int_dropout_risk') }}

    where part = 'report_card'

),

counted as (

    select
        *,
        case when ci_low is not null and metric <> 'auc' then round(estimate * n_used) end
            as n_positive

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
    [],
    'risk_bin',
    ['hit_rate_dropout', 'false_alarm_rate', 'flagged_who_dropped_out'],
) }}

select
    risk_bin,
    metric,
    case when precision_label = 'reportable' then estimate end as estimate,
    case when precision_label = 'reportable' then ci_low end as ci_low,
    case when precision_label = 'reportable' then ci_high end as ci_high,
    ci_level,
    case when precision_label = 'reportable' then nominal end as nominal,
    case when precision_label = 'reportable' then n_used end as n_used,
    precision_label,
    reason as not_estimable_reason,
    {{ cf_definition_version() }} as definition_version

from shown
