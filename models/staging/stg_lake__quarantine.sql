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
        rule_id,

        ---------- strings
        table_name,
        source_file,
        source_sheet,
        column_name,
        reason,
        severity,
        status,

        ---------- numerics
        source_line,

        ---------- timestamps
        first_seen,
        last_seen

    from lake_rows

)

select * from selected
