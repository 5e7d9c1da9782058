{# Schemas are public names: what dbt_project.yml says is used as it stands. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{# Only DuckDB has the scratch file; elsewhere everything stays in the target's database. #}
{% macro generate_database_name(custom_database_name=none, node=none) -%}
    {{ custom_database_name if custom_database_name and target.type == 'duckdb' else target.database }}
{%- endmacro %}
