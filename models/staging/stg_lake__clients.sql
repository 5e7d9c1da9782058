with

lake_rows as (

    select * from {{ lake('clients') }}

),

superseded as (

    select * from {{ lake('superseded_clients') }}

),

{{ merged_clients() }},

current_rows as (

    select

        ---------- ids
        lake_rows.clinic_id,
        {{ one_person('lake_rows') }} as client_key,

        ---------- booleans
        given_up.client_key is not null as is_merged,

        ---------- strings
        lake_rows.gender,
        lake_rows.first_language,
        lake_rows.employment,
        lake_rows.deprivation,

        ---------- provenance
        lake_rows.source_file,
        lake_rows.source_line,
        lake_rows.file_id

    from lake_rows

    {{ left_join_merged('lake_rows') }}

    {{ without_superseded('lake_rows', 'client_key') }}

)

select * from current_rows
