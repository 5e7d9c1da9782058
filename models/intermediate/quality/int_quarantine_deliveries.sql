{#
    Each delivery of a row that quarantine knows by its key, broken or in order, and each full
    snapshot that lacks it, numbered as they came: by arrival of the file, then by its name.
#}

with

findings as (

    select * from {{ ref('int_quarantine_findings') }}

),

quarantine_events as (

    select * from {{ ref('stg_lake__quarantine_events') }}

),

delivered as (

    select
        clinic_id,
        table_name,
        row_key,
        file_id,
        source_file,
        event,
        min(happened_at) as arrived_at

    from quarantine_events

    where
        event in ('delivered', 'deleted')
        and row_key is not null

    group by
        clinic_id,
        table_name,
        row_key,
        file_id,
        source_file,
        event

    union all

    select
        clinic_id,
        table_name,
        row_key,
        file_id,
        source_file,
        'delivered' as event,
        min(arrived_at) as arrived_at

    from findings

    where
        row_key is not null
        and is_still_said

    group by
        clinic_id,
        table_name,
        row_key,
        file_id,
        source_file

),

once as (

    select
        clinic_id,
        table_name,
        row_key,
        file_id,
        min(source_file) as source_file,
        -- A row of the file is not missing from it.
        max(event) as event,
        min(arrived_at) as arrived_at

    from delivered

    group by
        clinic_id,
        table_name,
        row_key,
        file_id

),

numbered as (

    select
        *,
        row_number() over (
            partition by clinic_id, table_name, row_key
            order by arrived_at, source_file, file_id
        ) as delivery_number

    from once

)

select * from numbered
