{#
    Two CTEs that give the rows of CTE `rows` without an episode_key the delivered episode whose
    dates fit: `dated_candidates` and `dated_episodes` (one row per key). A row fits from
    episode_margin_days before the start to as many after the end. The nearest episode wins, then
    the one that started last, then the key.

    `rows` has clinic_id, client_key, episode_key, the key and the date; `episodes` is the CTE of
    delivered episodes.
#}
{% macro dated_episodes(rows, key, date, episodes) -%}
dated_candidates as (

    select
        {{ rows }}.{{ key }},
        {{ episodes }}.episode_key,
        row_number() over (
            partition by {{ rows }}.{{ key }}
            order by
                greatest(
                    0,
                    {{ days_between(rows ~ '.' ~ date, episodes ~ '.start_date') }},
                    coalesce({{ days_between(episodes ~ '.end_date', rows ~ '.' ~ date) }}, 0)
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
        and {{ days_between(episodes ~ '.start_date', rows ~ '.' ~ date) }}
        >= -{{ var('episode_margin_days') }}
        and coalesce({{ days_between(episodes ~ '.end_date', rows ~ '.' ~ date) }}, 0)
        <= {{ var('episode_margin_days') }}

),

dated_episodes as (

    select
        {{ key }},
        episode_key

    from dated_candidates

    where candidate_number = 1

)
{%- endmacro %}
