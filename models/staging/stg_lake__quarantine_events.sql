with

lake_rows as (

    select * from {{ lake('quarantine_events') }}

),

selected as (

    select

        ---------- ids
        clinic_id,
        file_id,
        row_key,
        earlier_file_id,
        run_id,

        ---------- strings
        table_name,
        event,
        source_file,

        ---------- timestamps
        happened_at

    from lake_rows

)

select * from selected
