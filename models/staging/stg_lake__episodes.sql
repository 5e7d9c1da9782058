{#
    An end after the day of receipt is planned, or stands for none (9999-12-31): the episode is open,
    and a reason beside it is not one yet (rule E20).
#}

with

lake_rows as (

    select * from {{ lake('episodes') }}

),

superseded as (

    select * from {{ lake('superseded_episodes') }}

),

{{ merged_clients() }},

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.episode_key,
        {{ one_person('lake_rows') }} as client_key,
        lake_rows.therapist_key,

        ---------- strings
        case
            when coalesce(lake_rows.end_date <= cast(lake_rows.received_at as date), true)
                then lake_rows.discharge_reason
        end as discharge_reason,
        lake_rows.modality,
        lake_rows.problem,
        lake_rows.step,

        ---------- timestamps
        lake_rows.referral_date,
        lake_rows.start_date,
        case
            when lake_rows.end_date <= cast(lake_rows.received_at as date) then lake_rows.end_date
        end as end_date,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id,
        lake_rows.received_at

    from lake_rows

    {{ left_join_merged('lake_rows') }}

    {{ without_superseded('lake_rows', 'episode_key') }}

)

select * from current_rows
