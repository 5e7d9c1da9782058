with

{# Of several records of one person that of the identifier that stays. #}

clients as (

    select *

    from (
        select
            *,
            row_number() over (
                partition by clinic_id, client_key
                order by case when is_merged then 1 else 0 end, file_id, source_line
            ) as record_number

        from {{ ref('stg_lake__clients') }}
    ) as records

    where record_number = 1

),

responses as (

    select * from {{ ref('int_responses') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

episodes as (

    select * from {{ ref('int_episodes') }}

),

client_ages as (

    select * from {{ ref('stg_lake__client_ages') }}

),

{# A client is whoever appears anywhere; only some clinics send a client table. #}

seen as (

    select
        clinic_id,
        client_key

    from clients

    union distinct

    select
        clinic_id,
        client_key

    from episodes

    union distinct

    select
        clinic_id,
        client_key

    from sessions

    union distinct

    select
        clinic_id,
        client_key

    from responses

),

first_ages as (

    select
        client_key,
        min(age_years) as age_years

    from client_ages

    group by client_key

),

joined as (

    select
        seen.clinic_id,
        seen.client_key,
        clients.gender,
        clients.first_language,
        clients.employment,
        clients.deprivation,
        first_ages.age_years as age_years_at_start

    from seen

    left join clients
        on
            seen.client_key = clients.client_key
            and seen.clinic_id = clients.clinic_id

    left join first_ages on seen.client_key = first_ages.client_key

)

select * from joined
