with

lake_rows as (

    select * from {{ lake('alert_acknowledgements') }}

),

selected as (

    select

        ---------- ids
        alert_key,

        ---------- strings
        acknowledged_by,

        ---------- timestamps
        acknowledged_at

    from lake_rows

)

select * from selected
