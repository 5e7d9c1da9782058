with

files as (

    select * from {{ ref('stg_lake__files') }}

),

file_rows as (

    select * from {{ ref('int_file_rows') }}

),

counted as (

    select
        files.clinic_id,
        files.file_id,
        files.source_file,
        files.table_name,
        files.run_id,
        files.received_at,
        files.status,
        files.reason,
        files.n_received,
        coalesce(file_rows.n_current, 0) as n_loaded,
        files.n_duplicate,
        coalesce(file_rows.n_stored - file_rows.n_current, 0) as n_superseded,
        coalesce(file_rows.n_deleted, 0) as n_deleted,
        files.n_quarantined,
        files.n_erased

    from files

    left join file_rows
        on
            files.clinic_id = file_rows.clinic_id
            and files.file_id = file_rows.file_id
            and files.table_name = file_rows.table_name

),

balanced as (

    select
        *,
        n_received = n_loaded + n_duplicate + n_superseded + n_quarantined + n_erased
            as is_balanced

    from counted

)

select * from balanced
