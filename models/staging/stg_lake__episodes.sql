with

lake_rows as (

    select * from {{ lake('episodes') }}

),

superseded as (

    select * from {{ lake('superseded_episodes') }}

),

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.episode_key,
        lake_rows.client_key,
        lake_rows.therapist_key,

        ---------- strings
        lake_rows.discharge_reason,
        lake_rows.modality,
        lake_rows.problem,
        lake_rows.step,

        ---------- timestamps
        lake_rows.referral_date,
        lake_rows.start_date,
        lake_rows.end_date,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id,
        lake_rows.received_at

    from lake_rows

    {{ without_superseded('lake_rows', 'episode_key') }}

)

select * from current_rows
