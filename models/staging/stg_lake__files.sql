with

lake_rows as (

    select * from {{ lake('files') }}

),

selected as (

    select

        ---------- ids
        clinic_id,
        file_id,
        run_id,

        ---------- strings
        source_file,
        table_name,
        status,
        reason,

        ---------- numerics
        n_received,
        n_duplicate,
        n_quarantined,
        n_accepted,
        n_erased,

        ---------- timestamps
        received_at

    from lake_rows

)

select * from selected
