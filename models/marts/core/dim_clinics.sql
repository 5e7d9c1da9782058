with

clinics as (

    select * from {{ ref('stg_lake__clinics') }}

),

sessions as (

    select * from {{ ref('stg_lake__sessions') }}

),

episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

{# Dates after the delivery are bookings or typing errors; they do not move the extract date. #}

session_dates as (

    select
        clinic_id,
        max(case when coalesce(session_at_utc, session_at) <= received_at then cast(session_at as date) end) as last_date

    from sessions

    group by clinic_id

),

episode_dates as (

    select
        clinic_id,
        max(case when start_date <= received_at then start_date end) as last_start,
        max(case when end_date <= received_at then end_date end) as last_end

    from episodes

    group by clinic_id

),

response_dates as (

    select
        clinic_id,
        max(case when coalesce(completed_at_utc, completed_at) <= received_at then cast(completed_at as date) end) as last_date

    from responses

    group by clinic_id

),

joined as (

    select
        clinics.clinic_id,
        clinics.clinic_group,
        clinics.clinic_name,
        session_dates.clinic_id is not null as delivers_sessions,
        episode_dates.clinic_id is not null as delivers_episodes,
        {{ latest_of([
            'session_dates.last_date',
            'response_dates.last_date',
            'episode_dates.last_start',
            'episode_dates.last_end',
        ]) }} as extract_date

    from clinics

    left join session_dates on clinics.clinic_id = session_dates.clinic_id

    left join episode_dates on clinics.clinic_id = episode_dates.clinic_id

    left join response_dates on clinics.clinic_id = response_dates.clinic_id

)

select * from joined
