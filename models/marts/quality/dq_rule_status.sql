{#
    A view, so that results added after the build (audit, regrade) count at once. Without the
    database in its names it also works where an analyst attaches the file under another name.
#}
{{ config(materialized='view') }}

with

rule_results as (

    select * from {{ ref('dq_rule_results').include(database=false) }}

),

summed as (

    select
        run_id,
        max(run_at) as run_at,
        clinic_id,
        rule_id,
        max(title) as title,
        max(category) as category,
        max(severity) as severity,
        string_agg(distinct table_name, ', ' order by table_name) as table_names,
        cast(sum(n_scope) as bigint) as n_scope,
        cast(sum(n_failed) as bigint) as n_failed,
        max(threshold) as threshold,
        count(*) as n_results,
        count(*) filter (where state in ('fail', 'error')) as n_short,
        count(*) filter (where state in ('fail', 'error') and is_waived) as n_short_waived,
        count(*) filter (where state = 'fail' and not coalesce(is_waived, false)) as n_fail_open,
        count(*) filter (where state = 'error' and not coalesce(is_waived, false)) as n_error_open,
        count(*) filter (where state = 'fail') as n_fail,
        count(*) filter (where state = 'error') as n_error,
        count(*) filter (where state = 'pass') as n_pass,
        max(regraded_at) as regraded_at

    from rule_results

    group by
        run_id,
        clinic_id,
        rule_id

),

judged as (

    select
        *,
        case
            when n_fail > 0 then 'fail'
            when n_error > 0 then 'error'
            when n_pass > 0 then 'pass'
            else 'not_applicable'
        end as state,
        case
            when n_fail_open > 0 then 'fail'
            when n_error_open > 0 then 'error'
            when n_short_waived > 0 then 'waived'
            when n_pass > 0 then 'pass'
            else 'not_applicable'
        end as state_with_waivers

    from summed

),

streaks as (

    select
        *,
        count(*) filter (where state <> 'fail') over (
            partition by clinic_id, rule_id
            order by run_id
            rows between unbounded preceding and current row
        ) as n_runs_without

    from judged

),

described as (

    select
        run_id,
        run_at,
        clinic_id,
        rule_id,
        title,
        category,
        severity,
        table_names,
        n_scope,
        n_failed,
        n_failed / nullif(cast(n_scope as double), 0) as share_failed,
        threshold,
        state,
        state_with_waivers,
        n_results,
        n_short,
        case
            when state = 'fail' then min(run_at) filter (where state = 'fail') over (
                partition by clinic_id, rule_id, n_runs_without
            )
        end as failing_since,
        regraded_at

    from streaks

)

select * from described
