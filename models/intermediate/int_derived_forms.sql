{#
    Forms of clinics that deliver no session, with the derived session each belongs to. NULL for a
    form without a session identifier on a day that has one: it is linked by its time.

    An evening that crosses midnight is one contact: a form that follows another of the client
    within contact_gap_hours belongs to the day that one was filled in.
#}

with

responses as (

    select * from {{ ref('stg_lake__responses') }}

),

clinics as (

    select * from {{ ref('stg_lake__clinics') }}

),

sessions as (

    select distinct clinic_id from {{ ref('stg_lake__sessions') }}

),

families as (

    select
        instrument_id,
        min(family) as family

    from {{ ref('stg_lake__instruments') }}

    group by instrument_id

),

forms as (

    select
        responses.clinic_id,
        responses.client_key,
        responses.session_key as given_session_key,
        responses.therapist_key,
        responses.response_key,
        responses.completed_at,
        responses.completed_at_utc,
        responses.source_file,
        responses.source_line,
        coalesce(responses.completed_at_utc, responses.completed_at) as moment,
        {# Forms of a day without times are as many contacts as the order given has places. #}
        case
            when
                {{ has_place('responses.completed_at') }}
                and not {{ has_time('responses.completed_at') }}
                then responses.completed_at
        end as place

    from responses

    inner join clinics on responses.clinic_id = clinics.clinic_id

    {{ anti_join() }} sessions on responses.clinic_id = sessions.clinic_id

    left join families on responses.instrument_id = families.instrument_id

    where {{ is_filled_in_around_sessions('responses.rater', 'families.family') }}

),

followed as (

    select
        *,
        lag(moment) over (
            partition by clinic_id, client_key
            order by moment, response_key
        ) as previous_moment

    from forms

),

dated as (

    select
        *,
        max(
            case
                when
                    previous_moment is null
                    or not {{ has_time('completed_at') }}
                    or {{ seconds_between('previous_moment', 'moment') }}
                    > {{ var('contact_gap_hours') }} * 60 * 60
                    then cast(completed_at as date)
            end
        ) over (
            partition by clinic_id, client_key
            order by moment, response_key
            rows between unbounded preceding and current row
        ) as contact_date

    from followed

),

days as (

    select
        *,
        max(case when given_session_key is not null then 1 else 0 end) over (
            partition by clinic_id, client_key, contact_date
        ) = 1 as day_has_given_key

    from dated

),

keyed as (

    select
        clinic_id,
        client_key,
        response_key,
        given_session_key,
        therapist_key,
        completed_at,
        completed_at_utc,
        source_file,
        source_line,
        case
            when given_session_key is not null or not day_has_given_key
                then {{ key_of('session', [
                    'clinic_id',
                    'client_key',
                    'coalesce(cast(given_session_key as varchar), cast(place as varchar), '
                    ~ 'cast(contact_date as varchar))',
                ]) }}
        end as session_key

    from days

)

select * from keyed
