with

lake_rows as (

    select * from {{ lake('expected_curves') }}

),

selected as (

    select

        ---------- ids
        instrument_id,
        version,

        ---------- strings
        source,

        ---------- numerics
        intake_low,
        intake_high,
        session,
        expected,
        signal_limit

    from lake_rows

)

select * from selected
