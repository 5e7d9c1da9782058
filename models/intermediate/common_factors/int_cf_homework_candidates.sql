{#
    Sums and cross-products per episode and homework measure, as the within-between model takes
    them: wit = this session against the client's own mean, bet = that mean, lag = outcome within
    client, ses = session number, out = outcome before the next attended session. Homework reported
    at a session was done before it and the outcome comes after it.
#}

{% set parts = {
    'wit': 'homework_within',
    'bet': 'homework_mean',
    'lag': 'outcome_within',
    'ses': 'session_number',
    'out': 'outcome_next',
} %}
{% set names = parts.keys() | list %}
{% set measures = [
    ('set', 'case when homework_set then 1.0 when not homework_set then 0.0 end'),
    ('completion', 'homework_percent / 10'),
    ('quality', 'homework_quality_pomp / 10'),
] %}

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

homework as (

    {% for measure, value in measures %}
    select
        '{{ measure }}' as measure,
        clinic_id,
        episode_key,
        outcome_instrument_id,
        cast({{ value }} as double) as homework,
        cast(outcome_within as double) as outcome_within,
        cast(session_number as double) as session_number,
        cast(outcome_next as double) as outcome_next

    from process

    where {{ value }} is not null
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

),

means as (

    select
        measure,
        episode_key,
        avg(homework) as homework_mean

    from homework

    group by
        measure,
        episode_key

),

centered as (

    select
        homework.*,
        means.homework_mean,
        homework.homework - means.homework_mean as homework_within

    from homework

    inner join means
        on
            homework.measure = means.measure
            and homework.episode_key = means.episode_key

    where
        homework.outcome_within is not null
        and homework.session_number is not null
        and homework.outcome_next is not null

),

sums as (

    select
        measure,
        episode_key,
        outcome_instrument_id,
        count(*) as pair_count,
        {% for first in names %}
        sum({{ parts[first] }}) as sum_{{ first }},
        {% for second in names[loop.index0:] %}
        sum({{ parts[first] }} * {{ parts[second] }}) as sum_{{ first }}__{{ second }}
        {{- ',' if not (loop.last and first == names[-1]) }}
        {% endfor %}
        {% endfor %}

    from centered

    group by
        measure,
        episode_key,
        outcome_instrument_id

),

clinic_measures as (

    select distinct
        clinic_id,
        measure

    from homework

),

judged as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.client_key,
        episodes.therapist_key,
        episodes.start_date,
        episodes.episode_key,
        clinic_measures.measure,
        sums.outcome_instrument_id,
        directions.direction,
        case
            when sums.episode_key is null
                then 'no homework recorded and followed by an outcome'
            when sums.pair_count < {{ var('cf_min_pairs', 4) }}
                then 'fewer than {{ var("cf_min_pairs", 4) }} pairs of homework and next outcome'
            when directions.direction is null
                then 'outcome instrument without a direction in the registry'
        end as missing_reason

    from episodes

    inner join clinic_measures on episodes.clinic_id = clinic_measures.clinic_id

    left join sums
        on
            episodes.episode_key = sums.episode_key
            and clinic_measures.measure = sums.measure

    left join directions on sums.outcome_instrument_id = directions.instrument_id

    where episodes.n_sessions_attended >= 1

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by client_key, measure, missing_reason is null
            order by start_date, episode_key
        ) as client_episode_number

    from judged

),

reasoned as (

    select
        ranked.*,
        coalesce(
            missing_reason,
            case when client_episode_number > 1 then 'later episode of a client counted once' end
        ) as exclusion_reason

    from ranked

),

numbered as (

    select
        reasoned.*,
        case
            when exclusion_reason is null
                then
                    dense_rank() over (
                        partition by exclusion_reason is null
                        order by clinic_id, measure, outcome_instrument_id
                    ) - 1
        end as stratum,
        dense_rank() over (order by coalesce(therapist_key, episode_key)) as therapist_code

    from reasoned

)

select
    numbered.clinic_id,
    numbered.clinic_group,
    numbered.episode_key,
    numbered.client_key,
    numbered.measure,
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
        and numbered.measure = sums.measure
