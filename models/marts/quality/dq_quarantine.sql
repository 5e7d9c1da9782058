with

quarantine as (

    select * from {{ ref('stg_lake__quarantine') }}

),

selected as (

    select
        clinic_id,
        table_name,
        file_id,
        source_file,
        source_sheet,
        source_line,
        row_key,
        rule_id,
        column_name,
        reason,
        severity,
        first_seen,
        last_seen,
        status

    from quarantine

)

select * from selected
