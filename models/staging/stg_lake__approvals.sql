with

lake_rows as (

    select * from {{ lake('approvals') }}

),

selected as (

    select

        ---------- ids
        run_id,

        ---------- strings
        asked_because,
        choice,
        decided_by,
        reason,

        ---------- timestamps
        asked_at,
        decided_at

    from lake_rows

)

select * from selected
