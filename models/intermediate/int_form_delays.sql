{# Forms by clinic, therapist, month and days until they reached us: enough for any median. #}

with

responses as (

    select * from {{ ref('int_responses') }}

),

delays as (

    select
        clinic_id,
        therapist_key,
        {{ month_of('completed_at') }} as month,
        greatest(0, {{ days_between('completed_at', 'received_at') }}) as delay_days

    from responses

    where rater in ('client', 'therapist')

),

counted as (

    select
        clinic_id,
        therapist_key,
        month,
        delay_days,
        count(*) as n_forms

    from delays

    group by
        clinic_id,
        therapist_key,
        month,
        delay_days

)

select * from counted
