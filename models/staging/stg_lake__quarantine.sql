with

lake_rows as (

    select * from {{ lake('quarantine') }}

),

{{ merged_clients() }},

selected as (

    select

        ---------- ids
        lake_rows.clinic_id,
        lake_rows.file_id,
        lake_rows.row_key,
        {{ one_person('lake_rows') }} as client_key,
        lake_rows.rule_id,
        lake_rows.run_id,

        ---------- strings
        lake_rows.table_name,
        lake_rows.source_file,
        lake_rows.source_sheet,
        lake_rows.column_name,
        lake_rows.reason,
        lake_rows.severity,

        ---------- numerics
        lake_rows.source_line,

        ---------- booleans
        lake_rows.takes_row_out,

        ---------- timestamps
        lake_rows.seen_at

    from lake_rows

    {{ left_join_merged('lake_rows') }}

)

select * from selected
