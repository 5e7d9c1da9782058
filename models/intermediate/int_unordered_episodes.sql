{#
    Episodes whose sessions or scores cannot be put in order: several of one day without a time of
    day or an order of the clinic. Nothing that needs first, last, before or after is computed.
#}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

scores as (

    select * from {{ ref('fct_scores') }}

),

of_sessions as (

    select distinct episode_key

    from sessions

    where
        is_attended
        and is_treatment
        and session_number is null

),

of_scores as (

    select episode_key

    from scores

    where
        score is not null
        and episode_key is not null

    group by
        episode_key,
        instrument_id,
        version,
        rater,
        scale,
        completed_at

    having count(*) > 1

),

united as (

    select * from of_sessions

    union distinct

    select * from of_scores

)

select * from united
