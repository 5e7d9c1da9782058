with

lake_rows as (

    select * from {{ lake('waivers') }}

),

selected as (

    select

        ---------- ids
        rule_id,
        clinic_id,

        ---------- strings
        table_name,
        source_file,
        column_name,
        scope,
        who,
        why,

        ---------- numerics
        days_left,

        ---------- booleans
        is_expired,
        is_active,

        ---------- dates
        valid_from,
        valid_until

    from lake_rows

)

select * from selected
