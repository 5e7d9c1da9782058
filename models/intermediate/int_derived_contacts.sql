{# Contacts outside every delivered episode, and the derived episode each falls into. #}

with

sessions as (

    select * from {{ ref('int_sessions') }}

),

responses as (

    select * from {{ ref('int_responses') }}

),

episodes as (

    select * from {{ ref('stg_lake__episodes') }}

),

session_contacts as (

    select distinct
        clinic_id,
        client_key,
        session_date as contact_date

    from sessions

    where episode_key is null

),

{# A stray form of a client with delivered episodes is an orphan, not a treatment. #}

response_contacts as (

    select distinct
        responses.clinic_id,
        responses.client_key,
        responses.contact_date

    from responses

    {{ anti_join() }} episodes
        on
            responses.client_key = episodes.client_key
            and responses.clinic_id = episodes.clinic_id

    where
        responses.delivered_episode_key is null
        and responses.session_key is null
        and responses.is_around_session

),

contacts as (

    select * from session_contacts

    union distinct

    select * from response_contacts

),

gaps as (

    select
        clinic_id,
        client_key,
        contact_date,
        lag(contact_date) over (
            partition by clinic_id, client_key
            order by contact_date
        ) as previous_date

    from contacts

),

starts as (

    select
        clinic_id,
        client_key,
        contact_date,
        max(
            case
                when
                    previous_date is null
                    or {{ days_between('previous_date', 'contact_date') }}
                    > {{ var('new_episode_gap_days') }}
                    then contact_date
            end
        ) over (
            partition by clinic_id, client_key
            order by contact_date
            rows between unbounded preceding and current row
        ) as start_date

    from gaps

),

keyed as (

    select
        clinic_id,
        client_key,
        contact_date,
        start_date,
        {{ key_of('episode', [
            'clinic_id',
            'client_key',
            'start_date',
        ]) }} as episode_key

    from starts

)

select * from keyed
