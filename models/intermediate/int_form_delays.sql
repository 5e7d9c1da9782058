{#
    Forms by clinic, therapist, month and days until they reached us: enough for any median. What
    `rapport withdraw` restored reached us before, nobody knows which day of it to count.
#}

with

responses as (

    select * from {{ ref('int_responses') }}

),

restored as (

    select distinct
        clinic_id,
        received_at

    from {{ ref('stg_lake__files') }}

    where source_file like '%(restored rows)'

),

delays as (

    select
        responses.clinic_id,
        responses.therapist_key,
        {{ month_of('responses.completed_at') }} as month,
        greatest(
            0, {{ days_between('responses.completed_at', 'responses.received_at') }}
        ) as delay_days

    from responses

    {{ anti_join() }} restored
        on
            responses.clinic_id = restored.clinic_id
            and responses.received_at = restored.received_at

    where responses.rater in ('client', 'therapist')

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
