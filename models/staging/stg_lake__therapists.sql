with

lake_rows as (

    select * from {{ lake('therapists') }}

),

superseded as (

    select * from {{ lake('superseded_therapists') }}

),

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.therapist_row_key,
        lake_rows.therapist_key,

        ---------- strings
        lake_rows.profession,
        lake_rows.orientation,

        ---------- numerics
        lake_rows.years_practising,

        ---------- timestamps
        lake_rows.valid_from,
        lake_rows.valid_to,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id

    from lake_rows

    {{ without_superseded('lake_rows', 'therapist_row_key') }}

)

select * from current_rows
