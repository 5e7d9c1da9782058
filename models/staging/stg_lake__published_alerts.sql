with

lake_rows as (

    select * from {{ lake('published_alerts') }}

),

selected as (

    select

        ---------- ids
        alert_key,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        response_key,
        instrument_id,

        ---------- strings
        alert_kind,
        rule,
        definition_version,
        status,
        closed_reason,
        closed_by,
        acknowledged_by,
        source_file,

        ---------- numerics
        threshold,
        source_line,

        ---------- timestamps
        raised_at,
        status_at,
        snoozed_until,
        acknowledged_at,
        last_published_at

    from lake_rows

)

select * from selected
