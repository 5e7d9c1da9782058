with

form_changes as (

    select * from {{ lake('form_changes') }}

),

selected as (

    select
        run_id,
        run_at,
        clinic_id,
        file_id,
        source_file,
        table_name,
        instrument_id,
        change,
        column_name,
        message,
        remedy,
        is_blocking

    from form_changes

)

select * from selected
