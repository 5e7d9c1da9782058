with

lake_rows as (

    select * from {{ lake('sessions') }}

),

superseded as (

    select * from {{ lake('superseded_sessions') }}

),

{{ merged_clients() }},

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.session_key,
        {{ one_person('lake_rows') }} as client_key,
        lake_rows.episode_key,
        lake_rows.therapist_key,

        ---------- strings
        lake_rows.attendance,
        lake_rows.session_type,
        lake_rows.modality,

        ---------- numerics
        lake_rows.duration_min,
        lake_rows.homework_percent,

        ---------- booleans
        lake_rows.homework_set,
        lake_rows.feedback_reviewed,

        ---------- timestamps
        lake_rows.session_at,
        lake_rows.session_at_utc,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id,
        lake_rows.received_at

    from lake_rows

    {{ left_join_merged('lake_rows') }}

    {{ without_superseded('lake_rows', 'session_key') }}

)

select * from current_rows
