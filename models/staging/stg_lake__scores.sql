with

lake_rows as (

    select * from {{ lake('scores') }}

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
        lake_rows.language,
        lake_rows.scale,
        lake_rows.score_source,
        lake_rows.score_version,

        ---------- numerics
        lake_rows.score,
        lake_rows.submitted_score,
        lake_rows.n_answered,
        lake_rows.n_items,

        ---------- booleans
        lake_rows.is_prorated

    from lake_rows

    {{ without_superseded('lake_rows', 'response_key') }}

)

select * from current_rows
