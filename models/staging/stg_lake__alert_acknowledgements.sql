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
        reason,
        coalesce(act, 'acknowledged') as act,

        ---------- timestamps
        snoozed_until,
        acknowledged_at

    from lake_rows

)

select * from selected
