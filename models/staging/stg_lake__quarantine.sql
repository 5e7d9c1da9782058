with

lake_rows as (

    select * from {{ lake('quarantine') }}

),

selected as (

    select

        ---------- ids
        clinic_id,
        file_id,
        row_key,
        client_key,
        rule_id,
        run_id,

        ---------- strings
        table_name,
        source_file,
        source_sheet,
        column_name,
        reason,
        severity,

        ---------- numerics
        source_line,

        ---------- booleans
        takes_row_out,

        ---------- timestamps
        seen_at

    from lake_rows

)

select * from selected
