{#
    Sums and cross-products per episode are all the random-intercept model needs. Columns
    sum_<a> and sum_<a>__<b>: wit = alliance within, bet = alliance between, lag = outcome within,
    ses = session number, out = outcome before the next attended session, in points. Only pairs in
    order count: alliance rated first, next outcome by the day of the next session.
#}

{% set parts = {
    'wit': 'alliance_within',
    'bet': 'alliance_between',
    'lag': 'outcome_within',
    'ses': 'session_number',
    'out': 'outcome_next',
} %}
{% set names = parts.keys() | list %}

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

pairs as (

    select
        episode_key,
        alliance_instrument_id,
        outcome_instrument_id,
        {% for name, column in parts.items() %}
        cast({{ column }} as double) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}

    from process

    where
        is_pair_in_order
        {% for column in parts.values() %}
        and {{ column }} is not null
        {% endfor %}

),

sums as (

    select
        episode_key,
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
            partition by episode_key
            order by count(*) desc, alliance_instrument_id, outcome_instrument_id
        ) as instruments_number

    from pairs

    group by
        episode_key,
        alliance_instrument_id,
        outcome_instrument_id

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.client_key,
        episodes.therapist_key,
        episodes.start_date,
        episodes.episode_key,
        sums.alliance_instrument_id,
        sums.outcome_instrument_id,
        directions.direction,
        case
            when sums.episode_key is null
                then 'no alliance rating followed by an outcome'
            when sums.pair_count < {{ var('cf_min_pairs', 4) }}
                then 'fewer than {{ var("cf_min_pairs", 4) }} pairs of alliance and next outcome'
            when directions.direction is null
                then 'outcome instrument without a direction in the registry'
        end as missing_reason

    from episodes

    left join sums
        on
            episodes.episode_key = sums.episode_key
            and sums.instruments_number = 1

    left join directions on sums.outcome_instrument_id = directions.instrument_id

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
                        order by clinic_id, alliance_instrument_id, outcome_instrument_id
                    ) - 1
        end as stratum,
        dense_rank() over (order by therapist_key) as therapist_code

    from reasoned

)

select
    numbered.clinic_id,
    numbered.clinic_group,
    numbered.episode_key,
    numbered.client_key,
    numbered.therapist_key,
    numbered.alliance_instrument_id,
    numbered.outcome_instrument_id,
    numbered.direction,
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
        and sums.instruments_number = 1
