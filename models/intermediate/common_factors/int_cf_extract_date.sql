{# The clock of every cf_ table: the latest date the data themselves show. #}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

scores as (

    select * from {{ ref('fct_scores') }}

),

dates_seen as (

    select max(cast(last_session_at as date)) as date_seen
    from episodes

    union all

    select max(cast(completed_at as date)) as date_seen
    from scores

)

select max(date_seen) as extract_date
from dates_seen
