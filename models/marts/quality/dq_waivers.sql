with

waivers as (

    select * from {{ ref('stg_lake__waivers') }}

),

selected as (

    select
        rule_id,
        clinic_id,
        scope,
        who,
        why,
        valid_from,
        valid_until,
        is_expired,
        days_left

    from waivers

)

select * from selected
