with

lake_rows as (

    select * from {{ lake('flags') }}

),

superseded as (

    select * from {{ lake('superseded_responses') }}

),

current_rows as (

    select

        ---------- ids
        lake_rows.response_key,

        ---------- strings
        lake_rows.instrument_id,
        lake_rows.version,
        lake_rows.rater,
        lake_rows.flag,
        lake_rows.label,
        lake_rows.definition_version,

        ---------- booleans
        lake_rows.is_raised

    from lake_rows

    {{ without_superseded('lake_rows', 'response_key') }}

)

select * from current_rows
