with

clinics as (

    select * from {{ ref('int_clinics') }}

),

selected as (

    select
        clinic_id,
        clinic_group,
        clinic_name,
        delivers_sessions,
        delivers_episodes,
        extract_date

    from clinics

)

select * from selected
