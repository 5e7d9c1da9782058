{#
    Sums and cross-products per episode and direction, as for the within-between model. Columns
    sum_<a> and sum_<a>__<b>: wit = predictor within, bet = predictor between, lag = own last
    deviation of the outcome, ses = session number, out = outcome. Higher is better everywhere.
    Alliance to symptom: alliance after session t, symptoms before the next one. Symptom to
    alliance: symptoms before session t, alliance after it.
#}

{% set names = ['wit', 'bet', 'lag', 'ses', 'out'] %}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

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
        cast(process.session_number as double) as ses,
        cast(process.alliance_pomp as double) as alliance_pomp,
        cast(process.alliance_within as double) as alliance_within,
        cast(process.alliance_between as double) as alliance_between,
        cast(process.alliance_within_lag1 as double) as alliance_within_lag1,
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
        alliance_within as wit,
        alliance_between as bet,
        outcome_within as lag,
        ses,
        outcome_next as out

    from turned

    where is_pair_in_order

    union all

    select
        turned.episode_key,
        'symptom_to_alliance' as lag_direction,
        turned.alliance_instrument_id,
        turned.outcome_instrument_id,
        turned.outcome_within as wit,
        usual.outcome_mean - grand.outcome_grand_mean as bet,
        turned.alliance_within_lag1 as lag,
        turned.ses,
        turned.alliance_pomp as out

    from turned

    inner join usual
        on
            turned.episode_key = usual.episode_key
            and turned.outcome_instrument_id = usual.outcome_instrument_id

    inner join grand on turned.outcome_instrument_id = grand.outcome_instrument_id

    where turned.is_session_in_order

),

sums as (

    select
        episode_key,
        lag_direction,
        alliance_instrument_id,
        outcome_instrument_id,
        count(*) as pair_count,
        {% for first in names %}
        sum({{ first }}) as sum_{{ first }},
        {% for second in names[loop.index0:] %}
        sum({{ first }} * {{ second }}) as sum_{{ first }}__{{ second }},
        {% endfor %}
        {% endfor %}
        row_number() over (
            partition by episode_key, lag_direction
            order by count(*) desc, alliance_instrument_id, outcome_instrument_id
        ) as instruments_number

    from pairs

    where
        {% for name in names %}
        {{ name }} is not null{{ ' and' if not loop.last }}
        {% endfor %}

    group by
        episode_key,
        lag_direction,
        alliance_instrument_id,
        outcome_instrument_id

),

lag_directions as (

    select 'alliance_to_symptom' as lag_direction

    union all

    select 'symptom_to_alliance' as lag_direction

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.client_key || lag_directions.lag_direction as client_key,
        episodes.therapist_key,
        episodes.start_date,
        episodes.episode_key,
        lag_directions.lag_direction,
        sums.alliance_instrument_id,
        sums.outcome_instrument_id,
        case
            when sums.episode_key is null
                then 'no rated session beside the outcome it is compared with'
            when sums.pair_count < {{ var('cf_min_pairs', 4) }}
                then 'fewer than {{ var("cf_min_pairs", 4) }} pairs of sessions'
        end as missing_reason

    from episodes

    cross join lag_directions

    left join sums
        on
            episodes.episode_key = sums.episode_key
            and lag_directions.lag_direction = sums.lag_direction
            and sums.instruments_number = 1

    where episodes.n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }},

numbered as (

    select
        reasoned.*,
        case
            when exclusion_reason is null
                then
                    dense_rank() over (
                        partition by exclusion_reason is null
                        order by
                            clinic_id,
                            lag_direction,
                            alliance_instrument_id,
                            outcome_instrument_id
                    ) - 1
        end as stratum,
        dense_rank() over (order by therapist_key) as therapist_code

    from reasoned

)

select
    numbered.clinic_id,
    numbered.clinic_group,
    numbered.episode_key,
    numbered.lag_direction,
    numbered.alliance_instrument_id,
    numbered.outcome_instrument_id,
    numbered.exclusion_reason,
    numbered.stratum,
    numbered.therapist_code,
    sums.pair_count,
    {% for first in names %}
    sums.sum_{{ first }},
    {% for second in names[loop.index0:] %}
    sums.sum_{{ first }}__{{ second }}{{ ',' if not (loop.last and first == names[-1]) }}
    {% endfor %}
    {% endfor %}

from numbered

left join sums
    on
        numbered.episode_key = sums.episode_key
        and numbered.lag_direction = sums.lag_direction
        and sums.instruments_number = 1
