with

rule_results as (

    select * from {{ lake('rule_results') }}

),

selected as (

    select
        run_id,
        run_at,
        clinic_id,
        file_id,
        source_file,
        table_name,
        rule_id,
        title,
        category,
        severity,
        n_scope,
        n_failed,
        share_failed,
        threshold,
        state,
        message,
        coalesce(is_waived, false) as is_waived,
        original_state,
        original_severity,
        original_threshold,
        regraded_at

    from rule_results

)

select * from selected
