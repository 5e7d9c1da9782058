-- Months with enough discharges; broken: the share of unknown reasons is further from that of the
-- months before than so many points, and than chance allows.
with months as (
    select
        clinic_id,
        cast(date_trunc('month', end_date) as date) as month,
        count(*) as n_episodes,
        count(*) filter (where coalesce(discharge_reason, 'unknown') = 'unknown') as n_unknown
    from core.fct_episodes
    where end_date is not null and not is_derived
    group by clinic_id, date_trunc('month', end_date)
),
compared as (
    select
        *,
        sum(n_episodes) over before as n_before,
        sum(n_unknown) over before as n_unknown_before
    from months
    window before as (
        partition by clinic_id order by month
        range between interval (:months) months preceding and interval 1 month preceding
    )
),
shares as (
    select
        clinic_id,
        month,
        n_unknown / n_episodes as share,
        n_unknown_before / n_before as share_before,
        (n_unknown + n_unknown_before) / (n_episodes + n_before) as share_both,
        1 / n_episodes + 1 / n_before as one_by_n
    from compared
    where n_episodes >= :min_episodes and n_before >= :min_episodes
),
judged as (
    select
        clinic_id,
        month,
        abs(share - share_before) > :points + 1e-9
        and abs(share - share_before)
        > :standard_errors * sqrt(share_both * (1 - share_both) * one_by_n) as is_broken
    from shares
)
select
    clinic_id,
    'core.fct_episodes' as table_name,
    count(*) as n_scope,
    count(*) filter (where is_broken) as n_failed,
    string_agg(strftime(month, '%Y-%m'), ', ' order by month) filter (where is_broken) as detail
from judged
group by clinic_id
