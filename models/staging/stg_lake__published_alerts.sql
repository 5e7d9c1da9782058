with

lake_rows as (

    select * from {{ lake('published_alerts') }}

),

{{ merged_clients() }},

selected as (

    select

        ---------- ids
        lake_rows.alert_key,
        lake_rows.clinic_id,
        {{ one_person('lake_rows') }} as client_key,
        lake_rows.episode_key,
        lake_rows.session_key,
        lake_rows.therapist_key,
        lake_rows.response_key,
        lake_rows.instrument_id,

        ---------- strings
        lake_rows.alert_kind,
        lake_rows.rule,
        lake_rows.definition_version,
        lake_rows.status,
        lake_rows.closed_reason,
        lake_rows.closed_by,
        lake_rows.acknowledged_by,
        lake_rows.source_file,

        ---------- numerics
        lake_rows.threshold,
        lake_rows.source_line,

        ---------- timestamps
        lake_rows.raised_at,
        lake_rows.status_at,
        lake_rows.snoozed_until,
        lake_rows.acknowledged_at,
        lake_rows.last_published_at

    from lake_rows

    {{ left_join_merged('lake_rows') }}

)

select * from selected
