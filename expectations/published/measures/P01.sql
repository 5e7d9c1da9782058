-- Rows received, and sessions loaded; broken: rows that no outcome accounts for, in any layer.
select clinic_id, table_name, sum(n_scope) as n_scope, sum(n_failed) as n_failed
from (
    select
        clinic_id,
        'quality.dq_balance' as table_name,
        n_received as n_scope,
        case when is_balanced then 0 else greatest(1, abs(
            n_received - n_loaded - n_duplicate - n_superseded - n_quarantined - n_erased
        )) end as n_failed
    from quality.dq_balance
    union all
    -- A duplicate repeats a row: where the lake has none, the rows called duplicates are gone.
    select
        clinic_id,
        'quality.dq_balance',
        0,
        sum(n_duplicate)
    from quality.dq_balance
    group by clinic_id, table_name
    having sum(n_loaded + n_superseded + n_erased) = 0
    union all
    select
        clinic_id,
        'core.fct_sessions',
        coalesce(loaded.n_rows, 0),
        abs(coalesce(loaded.n_rows, 0) - coalesce(published.n_rows, 0))
    from (
        select clinic_id, sum(n_loaded) as n_rows
        from quality.dq_balance
        where table_name = 'sessions'
        group by clinic_id
    ) as loaded
    full join (
        select clinic_id, count(*) as n_rows
        from core.fct_sessions
        where not is_derived
        group by clinic_id
    ) as published using (clinic_id)
)
group by clinic_id, table_name
