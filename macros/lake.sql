{# Rows of one lake table, wherever the lake is. source() keeps the lineage in every dialect. #}
{% macro lake(table) -%}
    {{ return(adapter.dispatch('lake')(table)) }}
{%- endmacro %}

{# dbt-duckdb turns the source into read_parquet(...), see _lake__sources.yml. #}
{% macro default__lake(table) -%}
    {{ return(source('lake', table)) }}
{%- endmacro %}

{% macro spark__lake(table) -%}
    {% set folder = source('lake', table).identifier %}
    {{ return('parquet.`' ~ env_var('RAPPORT_LAKE') ~ '/' ~ folder ~ '`') }}
{%- endmacro %}

{#
    Leave out the rows that a later row has replaced; goes after `from {{ rows }}`.

    A marker names the earlier row by natural key, file and line. There are few markers, so this
    is a probe into a small hash table.
#}
{% macro without_superseded(rows, key) -%}
    {{ anti_join() }} superseded
        on
            {{ rows }}.{{ key }} = superseded.row_key
            and {{ rows }}.file_id = superseded.file_id
            and {{ rows }}.source_line = superseded.source_line
{%- endmacro %}

{#
    Keeps the rows of the left side that have no partner. `not exists` says the same and DuckDB
    1.5 plans it, for several columns, as a join that first sorts out all distinct left rows.
#}
{% macro anti_join() -%}
    {{ return(adapter.dispatch('anti_join')()) }}
{%- endmacro %}

{% macro default__anti_join() -%}
    left anti join
{%- endmacro %}

{% macro duckdb__anti_join() -%}
    anti join
{%- endmacro %}

{# CTE of the client identifiers that were given up, each with the one that stays. #}
{% macro merged_clients() -%}
given_up as (

    select * from {{ lake('merged_clients') }}

)
{%- endmacro %}

{% macro left_join_merged(rows) -%}
    left join given_up on {{ rows }}.client_key = given_up.client_key
{%- endmacro %}

{# The client of a row: after a merge the one that stays, for what came before as well. #}
{% macro one_person(rows) -%}
    coalesce(given_up.merged_into_key, {{ rows }}.client_key)
{%- endmacro %}
