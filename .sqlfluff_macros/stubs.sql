{# For sqlfluff only: stand-ins for macros/, which need dbt's adapter. #}
{% macro lake(table) %}lake_{{ table }}{% endmacro %}
{% macro without_superseded(rows, key) %}not exists (select 1 from superseded){% endmacro %}
{% macro key_of(kind, parts) %}key_of({{ parts | join(', ') }}){% endmacro %}
{% macro days_between(earlier, later) %}date_diff('day', {{ earlier }}, {{ later }}){% endmacro %}
{% macro seconds_between(earlier, later) %}date_diff('second', {{ earlier }}, {{ later }}){% endmacro %}
{% macro first_by(value, at, key) %}arg_min({{ value }}, {{ at }}){% endmacro %}
{% macro last_by(value, at, key) %}arg_max({{ value }}, {{ at }}){% endmacro %}
{% macro latest_of(dates) %}greatest({{ dates | join(', ') }}){% endmacro %}
{% macro compare(left, operator, right) %}judge({{ left }}, {{ operator }}, {{ right }}){% endmacro %}
{% macro pomp(score, score_min, score_max) %}pomp({{ score }}, {{ score_min }}, {{ score_max }}){% endmacro %}
{% macro is_treatment_type(column) %}{{ column }} = 'treatment'{% endmacro %}
{% macro dated_episodes(rows, key, date, episodes) %}dated_episodes as (

    select
        {{ key }},
        episode_key

    from {{ rows }}

){% endmacro %}
{% macro fidelity_scopes(rows, counts) %}select {{ counts | join(', ') }} from {{ rows }}{% endmacro %}
{% macro var(name, default=0) %}1{% endmacro %}
{% macro env_var(name, default='') %}{{ name }}{% endmacro %}
{% macro month_of(column) %}month_of({{ column }}){% endmacro %}
{% macro as_text(column) %}cast({{ column }} as varchar){% endmacro %}
{% macro cf_definition_version() %}'v'{% endmacro %}
