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
    Keep the rows of `rows` that no later row has replaced.

    A marker names the earlier row by natural key, file and line. There are few markers, so this
    is a probe into a small hash table.
#}
{% macro without_superseded(rows, key) -%}
    not exists (
        select 1
        from superseded
        where
            superseded.row_key = {{ rows }}.{{ key }}
            and superseded.file_id = {{ rows }}.file_id
            and superseded.source_line = {{ rows }}.source_line
    )
{%- endmacro %}
