{#
    What runs said about a row of a file, one row per finding: where the row is, what it breaks,
    when that was first and last said, and whether the file's latest reading still says it.
#}

with

quarantine as (

    select * from {{ ref('stg_lake__quarantine') }}

),

quarantine_events as (

    select * from {{ ref('stg_lake__quarantine_events') }}

),

files as (

    select * from {{ ref('stg_lake__files') }}

),

readings as (

    select
        clinic_id,
        file_id,
        max(run_id) as latest_run_id

    from files

    group by
        clinic_id,
        file_id

),

sightings as (

    select
        clinic_id,
        file_id,
        seen_at

    from quarantine

    union all

    select
        clinic_id,
        file_id,
        happened_at as seen_at

    from quarantine_events

    where event = 'delivered'

),

arrivals as (

    select
        clinic_id,
        file_id,
        min(seen_at) as arrived_at

    from sightings

    group by
        clinic_id,
        file_id

),

ranked as (

    select
        *,
        min(seen_at) over finding as first_seen,
        max(seen_at) over finding as last_seen,
        row_number() over (finding order by run_id desc, seen_at desc, severity) as run_rank

    from quarantine

    window finding as (
        partition by
            clinic_id, table_name, file_id, source_line, row_key, rule_id, column_name, reason
    )

),

described as (

    select
        ranked.clinic_id,
        ranked.table_name,
        ranked.file_id,
        ranked.source_file,
        ranked.source_sheet,
        ranked.source_line,
        ranked.row_key,
        ranked.client_key,
        ranked.rule_id,
        ranked.column_name,
        ranked.reason,
        ranked.severity,
        ranked.takes_row_out,
        ranked.first_seen,
        ranked.last_seen,
        arrivals.arrived_at,
        coalesce(ranked.run_id >= readings.latest_run_id, true) as is_still_said

    from ranked

    inner join arrivals
        on
            ranked.clinic_id = arrivals.clinic_id
            and ranked.file_id = arrivals.file_id

    left join readings
        on
            ranked.clinic_id = readings.clinic_id
            and ranked.file_id = readings.file_id

    where ranked.run_rank = 1

)

select * from described
