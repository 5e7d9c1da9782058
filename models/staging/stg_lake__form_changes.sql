with

lake_rows as (

    select * from {{ lake('form_changes') }}

),

selected as (

    select

        ---------- ids
        run_id,
        clinic_id,
        file_id,
        instrument_id,

        ---------- strings
        source_file,
        table_name,
        change,
        column_name,
        message,
        remedy,

        ---------- booleans
        is_blocking,

        ---------- timestamps
        run_at

    from lake_rows

)

select * from selected
