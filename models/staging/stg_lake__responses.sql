with

lake_rows as (

    select * from {{ lake('responses') }}

),

superseded as (

    select * from {{ lake('superseded_responses') }}

),

{{ merged_clients() }},

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.response_key,
        {{ one_person('lake_rows') }} as client_key,
        lake_rows.session_key,
        lake_rows.episode_key,
        lake_rows.therapist_key,

        ---------- strings
        lake_rows.instrument_id,
        lake_rows.version,
        lake_rows.rater,
        lake_rows.language,
        lake_rows.mode,

        ---------- timestamps
        lake_rows.completed_at,
        lake_rows.completed_at_utc,
        lake_rows.started_at,
        lake_rows.received_at,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id

    from lake_rows

    {{ left_join_merged('lake_rows') }}

    {{ without_superseded('lake_rows', 'response_key') }}

)

select * from current_rows
