{#
    Grain: one row per episode, direction, pair of instruments and pair of sessions, everything known.
    Higher is better everywhere. Alliance to symptom: alliance after session t, symptoms before the
    next one. Symptom to alliance: symptoms before session t, alliance after it. Deviations
    (predictor_within, last_within) are from the client's mean; predictor and last_score are as rated.
#}

{% set known = [
    'predictor', 'predictor_within', 'predictor_between', 'last_score', 'last_within',
    'session_number', 'outcome',
] %}

with

process as (

    select * from {{ ref('fct_session_process') }}

),

directions as (

    select * from {{ ref('int_cf_outcome_directions') }}

),

turned as (

    select
        process.episode_key,
        process.alliance_instrument_id,
        process.outcome_instrument_id,
        cast(process.session_number as double) as session_number,
        cast(process.alliance_pomp as double) as alliance_pomp,
        cast(process.alliance_within as double) as alliance_within,
        cast(process.alliance_between as double) as alliance_between,
        cast(process.alliance_within_lag1 as double) as alliance_within_lag1,
        cast(process.alliance_client_mean_pomp as double) as alliance_client_mean_pomp,
        cast(process.outcome_score * directions.direction as double) as outcome_score,
        cast(process.outcome_within * directions.direction as double) as outcome_within,
        cast(process.outcome_next * directions.direction as double) as outcome_next,
        process.is_pair_in_order,
        process.alliance_timing = 'after_session'
        and process.outcome_timing = 'before_session'
        and coalesce(process.outcome_completed_at <= process.alliance_completed_at, true)
            as is_session_in_order

    from process

    inner join directions on process.outcome_instrument_id = directions.instrument_id

    where process.alliance_instrument_id is not null

),

usual as (

    select
        episode_key,
        outcome_instrument_id,
        avg(outcome_score) as outcome_mean

    from turned

    group by
        episode_key,
        outcome_instrument_id

),

grand as (

    select
        outcome_instrument_id,
        avg(outcome_mean) as outcome_grand_mean

    from usual

    group by outcome_instrument_id

),

pairs as (

    select
        episode_key,
        'alliance_to_symptom' as lag_direction,
        alliance_instrument_id,
        outcome_instrument_id,
        session_number,
        alliance_pomp as predictor,
        alliance_within as predictor_within,
        alliance_between as predictor_between,
        outcome_score as last_score,
        outcome_within as last_within,
        outcome_next as outcome

    from turned

    where is_pair_in_order

    union all

    select
        turned.episode_key,
        'symptom_to_alliance' as lag_direction,
        turned.alliance_instrument_id,
        turned.outcome_instrument_id,
        turned.session_number,
        turned.outcome_score as predictor,
        turned.outcome_within as predictor_within,
        usual.outcome_mean - grand.outcome_grand_mean as predictor_between,
        turned.alliance_within_lag1 + turned.alliance_client_mean_pomp as last_score,
        turned.alliance_within_lag1 as last_within,
        turned.alliance_pomp as outcome

    from turned

    inner join usual
        on
            turned.episode_key = usual.episode_key
            and turned.outcome_instrument_id = usual.outcome_instrument_id

    inner join grand on turned.outcome_instrument_id = grand.outcome_instrument_id

    where turned.is_session_in_order

)

select *

from pairs

where
    {% for column in known %}
    {{ column }} is not null{{ ' and' if not loop.last }}
    {% endfor %}
