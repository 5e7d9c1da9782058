select
    'clinic' as scope_level,
    clinic_id as scope_id,
    clinic_id,
    cast(date_trunc('month', end_date) as date) as end_month,
    count(*) as n_ended,
    count(improvement) as n_measured_twice,
    count(is_reliably_improved) as n_judged,
    count(*) filter (where is_reliably_improved) as n_reliably_improved,
    100
    * count(*) filter (where is_reliably_improved)
    / nullif(cast(count(is_reliably_improved) as double), 0) as reliably_improved_percent,
    count(dropout_unilateral) as n_dropout_known,
    count(*) filter (where dropout_unilateral) as n_dropouts,
    100
    * count(*) filter (where dropout_unilateral)
    / nullif(cast(count(dropout_unilateral) as double), 0) as dropout_percent,
    median(n_sessions_attended) as median_session_count

from {{ ref('fct_episodes').include(database=false) }}

where
    end_date is not null
    and n_sessions_attended >= 1
    and course_status not in ('open', 'inactive_open')

group by
    clinic_id,
    end_month
