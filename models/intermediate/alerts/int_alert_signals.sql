{#
    Spells of a signal that is judged session by session: not on track, and at risk of dropout. A
    spell begins with the first signal and ends with the next session judged without one. And
    attended sessions without an outcome form, so many in a row; ended by the next form.
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

),

spells as (

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

),

process as (

    select
        clinic_id,
        client_key,
        episode_key,
        session_key,
        therapist_key,
        session_at,
        session_number,
        outcome_score

    from {{ ref('fct_session_process') }}

),

{# A clinic that never sends an outcome form has no form missing. #}
clinics as (

    select distinct clinic_id
    from process
    where outcome_score is not null

),

counted as (

    select
        *,
        session_number - coalesce(
            max(case when outcome_score is not null then session_number end) over (
                partition by episode_key
                order by session_number, session_key
                rows between unbounded preceding and current row
            ),
            0
        ) as n_without,
        min(case when outcome_score is not null then session_at end) over (
            partition by episode_key
            order by session_number, session_key
            rows between 1 following and unbounded following
        ) as ended_at

    from process

)

select * from spells

union all

select
    'no_form' as alert_kind,
    counted.clinic_id,
    counted.client_key,
    counted.episode_key,
    counted.session_key,
    counted.therapist_key,
    counted.session_at as raised_at,
    cast(null as {{ dbt.type_string() }}) as instrument_id,
    cast({{ var('no_form_sessions') }} as double) as threshold,
    'attended sessions in a row without an outcome form' as rule,
    counted.ended_at,
    case when counted.ended_at is not null then 'form received' end as ended_because

from counted

inner join clinics on counted.clinic_id = clinics.clinic_id

where counted.n_without = {{ var('no_form_sessions') }}
