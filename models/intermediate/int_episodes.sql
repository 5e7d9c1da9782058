{# Delivered and derived episodes under one roof. #}

with

episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

delivered as (

    select
        clinic_id,
        episode_key,
        client_key,
        therapist_key,
        referral_date,
        start_date,
        end_date,
        discharge_reason,
        modality,
        problem,
        step,
        false as is_derived

    from episodes

),

derived as (

    select
        clinic_id,
        episode_key,
        client_key,
        null as therapist_key,
        null as referral_date,
        min(contact_date) as start_date,
        null as end_date,
        null as discharge_reason,
        null as modality,
        null as problem,
        null as step,
        true as is_derived

    from derived_contacts

    group by
        clinic_id,
        episode_key,
        client_key

),

united as (

    select * from delivered

    union all

    select * from derived

)

select * from united
