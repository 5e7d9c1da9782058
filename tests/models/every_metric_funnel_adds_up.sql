{# Treated = excluded + in period, in period = excluded + included, included = both results. #}

select
    metric,
    count(*) as n_wrong

from (
    select
        scope_level,
        scope_id,
        metric,
        max(case when line = 'treated' then n_episodes end) as treated,
        max(case when line = 'in period' then n_episodes end) as in_period,
        max(case when line = 'included' then n_episodes end) as included,
        sum(case when line_number in (2, 3) then n_episodes else 0 end) as before_period,
        sum(case when line_number between 5 and 8 then n_episodes else 0 end) as left_out,
        sum(case when kind = 'result' then n_episodes else 0 end) as results

    from {{ ref('fct_metric_funnel') }}

    group by
        scope_level,
        scope_id,
        metric
) as funnels

where
    treated <> before_period + in_period
    or in_period <> left_out + included
    or included <> results

group by metric
