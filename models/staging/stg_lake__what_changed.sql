with

lake_rows as (

    select * from {{ lake('what_changed') }}

),

selected as (

    select

        ---------- ids
        run_id,
        earlier_run_id,
        clinic_id,
        instrument_id,

        ---------- strings
        version,
        method,
        cause,
        class_before,
        class_after,

        ---------- numerics
        n_episodes,
        n_compared,

        ---------- timestamps
        run_at

    from lake_rows

)

select * from selected
