with

lake_rows as (

    select * from {{ lake('rule_results') }}

),

selected as (

    select

        ---------- ids
        run_id,
        clinic_id,
        file_id,
        rule_id,

        ---------- strings
        source_file,
        table_name,
        title,
        category,
        severity,
        state,
        message,
        original_state,
        original_severity,

        ---------- numerics
        n_scope,
        n_failed,
        share_failed,
        threshold,
        original_threshold,

        ---------- booleans
        is_waived,

        ---------- timestamps
        run_at,
        regraded_at

    from lake_rows

)

select * from selected
