with

lake_rows as (

    select * from {{ lake('clinics') }}

),

selected as (

    select

        ---------- ids
        clinic_id,
        clinic_group,

        ---------- strings
        name as clinic_name

    from lake_rows

)

select * from selected
