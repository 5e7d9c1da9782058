with

lake_rows as (

    select * from {{ lake('client_ages') }}

),

selected as (

    select

        ---------- ids
        client_key,

        ---------- numerics
        age_years,

        ---------- timestamps
        start_date

    from lake_rows

)

select * from selected
