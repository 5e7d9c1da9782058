{#
    Whether a form is filled in around a session. An observer rates a recording, often weeks later;
    a parent or carer, who rates the outcome, is at home on the day.
#}
{% macro is_filled_in_around_sessions(rater, family) -%}
    ({{ rater }} in ('client', 'therapist') or {{ family }} = 'outcome')
{%- endmacro %}

{#
    Two CTEs that give the rows of CTE `rows` without an episode_key the delivered episode whose
    dates fit: `dated_candidates` and `dated_episodes` (one row per key). An episode's window begins
    with the referral, so that a baseline of the waiting time is in it. A row fits from
    episode_margin_days before the window to as many after the end. The nearest window wins, then
    the nearest treatment, then the one that started last, then the key.

    `rows` has clinic_id, client_key, episode_key, the key and the date; `episodes` is the CTE of
    delivered episodes.
#}
{% macro dated_episodes(rows, key, date, episodes) -%}
    {% set day = rows ~ '.' ~ date %}
    {% set begin = 'least(' ~ episodes ~ '.referral_date, ' ~ episodes ~ '.start_date)' %}
    {% set days_after = 'coalesce(' ~ days_between(episodes ~ '.end_date', day) ~ ', 0)' %}
dated_candidates as (

    select
        {{ rows }}.{{ key }},
        {{ episodes }}.episode_key,
        row_number() over (
            partition by {{ rows }}.{{ key }}
            order by
                greatest(0, {{ days_between(day, begin) }}, {{ days_after }}),
                greatest(
                    0, {{ days_between(day, episodes ~ '.start_date') }}, {{ days_after }}
                ),
                {{ episodes }}.start_date desc,
                {{ episodes }}.episode_key
        ) as candidate_number

    from {{ rows }}

    inner join {{ episodes }}
        on
            {{ rows }}.client_key = {{ episodes }}.client_key
            and {{ rows }}.clinic_id = {{ episodes }}.clinic_id

    where
        {{ rows }}.episode_key is null
        and {{ days_between(begin, day) }} >= -{{ var('episode_margin_days') }}
        and {{ days_after }} <= {{ var('episode_margin_days') }}

),

dated_episodes as (

    select
        {{ key }},
        episode_key

    from dated_candidates

    where candidate_number = 1

)
{%- endmacro %}
