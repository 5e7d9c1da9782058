with

lake_rows as (

    select * from {{ lake('client_ages') }}

),

{{ merged_clients() }},

selected as (

    select

        ---------- ids
        {{ one_person('lake_rows') }} as client_key,

        ---------- numerics
        lake_rows.age_years,

        ---------- timestamps
        lake_rows.start_date

    from lake_rows

    {{ left_join_merged('lake_rows') }}

)

select * from selected
