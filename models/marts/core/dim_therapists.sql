with

therapists as (

    select * from {{ ref('stg_lake__therapists') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

episodes as (

    select * from {{ ref('int_episodes') }}

),

responses as (

    select * from {{ ref('int_responses') }}

),

{# A therapist is whoever appears anywhere; only some clinics send a therapist table. #}

seen as (

    select
        clinic_id,
        therapist_key

    from therapists

    union distinct

    select
        clinic_id,
        therapist_key

    from episodes

    where therapist_key is not null

    union distinct

    select
        clinic_id,
        therapist_key

    from sessions

    where therapist_key is not null

    union distinct

    select
        clinic_id,
        therapist_key

    from responses

    where therapist_key is not null

),

records as (

    select
        *,
        row_number() over (
            partition by clinic_id, therapist_key
            order by
                coalesce(valid_from, date '1900-01-01') desc,
                therapist_row_key
        ) as record_number

    from therapists

),

flags as (

    select * from {{ ref('stg_lake__therapist_flags') }}

),

joined as (

    select
        seen.clinic_id,
        seen.therapist_key,
        records.profession,
        records.orientation,
        records.years_practising,
        records.valid_from,
        records.valid_to,
        coalesce(flags.is_placeholder, false) as is_placeholder

    from seen

    left join records
        on
            seen.therapist_key = records.therapist_key
            and seen.clinic_id = records.clinic_id
            and records.record_number = 1

    left join flags on seen.therapist_key = flags.therapist_key

)

select * from joined
