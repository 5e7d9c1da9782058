with

lake_rows as (

    select * from {{ lake('therapist_flags') }}

),

{# Clinics of a group share their therapists: odd at one is odd at all. #}

combined as (

    select
        therapist_key,
        bool_or(is_placeholder) as is_placeholder,
        bool_or(has_alias) as has_alias

    from lake_rows

    group by therapist_key

)

select * from combined
