{# Expressions that are written differently in another dialect, or that the house writes often. #}

{# A UUID made from the parts, for rows the clinic gave no identifier. `kind` keeps spaces apart. #}
{% macro key_of(kind, parts) -%}
    {{ return(adapter.dispatch('key_of')(kind, parts)) }}
{%- endmacro %}

{% macro default__key_of(kind, parts) -%}
    md5(concat_ws('|', '{{ kind }}', {{ parts | join(', ') }}))
{%- endmacro %}

{% macro duckdb__key_of(kind, parts) -%}
    cast(md5(concat_ws('|', '{{ kind }}', {{ parts | join(', ') }})) as uuid)
{%- endmacro %}

{# Calendar days from `earlier` to `later`; negative when they are the other way round. #}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro duckdb__days_between(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}

{# How many rows; 1 where all carry one time, because then none of them is the first or the last. #}
{% macro count_in_time(at, where = 'true') -%}
    case
        when min({{ at }}) filter (where {{ where }}) = max({{ at }}) filter (where {{ where }}) then 1
        else count(*) filter (where {{ where }})
    end
{%- endmacro %}

{# The value in the first / last row by a timestamp; `key` breaks ties, so the answer is one. #}
{% macro first_by(value, at, key) -%}
    {{ return(adapter.dispatch('first_by')(value, at, key)) }}
{%- endmacro %}

{% macro default__first_by(value, at, key) -%}
    min_by({{ value }}, struct({{ at }}, {{ key }}))
{%- endmacro %}

{% macro duckdb__first_by(value, at, key) -%}
    arg_min({{ value }}, ({{ at }}, {{ key }}))
{%- endmacro %}

{% macro last_by(value, at, key) -%}
    {{ return(adapter.dispatch('last_by')(value, at, key)) }}
{%- endmacro %}

{% macro default__last_by(value, at, key) -%}
    max_by({{ value }}, struct({{ at }}, {{ key }}))
{%- endmacro %}

{% macro duckdb__last_by(value, at, key) -%}
    arg_max({{ value }}, ({{ at }}, {{ key }}))
{%- endmacro %}

{# The latest of several dates, ignoring missing ones (greatest() does so in DuckDB and Spark). #}
{% macro latest_of(dates) -%}
    greatest({{ dates | join(', ') }})
{%- endmacro %}

{#
    Whether a moment says more than its day: an export of dates reads 00:00 everywhere (rule F08).
    Below a second stands the place among the rows of a day, where the clinic gives one.
#}
{% macro has_time(column) -%}
    {{ dbt.date_trunc('second', column) }} <> {{ dbt.date_trunc('day', column) }}
{%- endmacro %}

{# Whether a moment has a place among those of its day: by its time, or by the order given. #}
{% macro has_place(column) -%}
    {{ column }} <> {{ dbt.date_trunc('day', column) }}
{%- endmacro %}

{# Seconds from `earlier` to `later`; negative when they are the other way round. #}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between')(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    (unix_timestamp({{ later }}) - unix_timestamp({{ earlier }}))
{%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
    date_diff('second', {{ earlier }}, {{ later }})
{%- endmacro %}

{# First day of the month a date or timestamp falls in. #}
{% macro month_of(column) -%}
    cast({{ dbt.date_trunc('month', column) }} as date)
{%- endmacro %}

{# The value as text, as a scope_id. #}
{% macro as_text(column) -%}
    cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}
