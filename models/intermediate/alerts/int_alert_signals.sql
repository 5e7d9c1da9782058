{#
    Spells of a signal that is judged session by session: not on track, and at risk of dropout. A
    spell begins with the first signal and ends with the next session judged without one.
#}

with

signals as (

    select
        'not_on_track' as alert_kind,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        session_at,
        session_number,
        instrument_id,
        signal_limit as threshold,
        is_not_on_track as is_signal,
        'score beyond the limit of expected response (' || curve_source || ' curve)' as rule,
        'back on track' as ending

    from {{ ref('fct_expected_response') }}

    where is_not_on_track is not null

    union all

    select
        'dropout_risk' as alert_kind,
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        session_at,
        session_number,
        null as instrument_id,
        threshold,
        is_at_risk as is_signal,
        'hazard of not coming again among the highest' as rule,
        'risk fell' as ending

    from {{ ref('fct_dropout_risk') }}

    where is_at_risk is not null

),

neighbors as (

    select
        *,
        coalesce(
            lag(is_signal) over (
                partition by alert_kind, episode_key
                order by session_number, session_key
            ),
            false
        ) as was_signal,
        min(case when not is_signal then session_at end) over (
            partition by alert_kind, episode_key
            order by session_number, session_key
            rows between 1 following and unbounded following
        ) as ended_at

    from signals

)

select
    alert_kind,
    clinic_id,
    client_key,
    episode_key,
    session_key,
    therapist_key,
    session_at as raised_at,
    instrument_id,
    threshold,
    rule,
    ended_at,
    case when ended_at is not null then ending end as ended_because

from neighbors

where
    is_signal
    and not was_signal
