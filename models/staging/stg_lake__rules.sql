with

lake_rows as (

    select * from {{ lake('rules') }}

),

selected as (

    select

        ---------- ids
        rule_id,

        ---------- strings
        table_name,
        title,
        category,
        severity,
        denominator,
        owner,
        why,
        downstream,
        remedy,

        ---------- numerics
        threshold,

        ---------- booleans
        takes_row_out

    from lake_rows

)

select * from selected
