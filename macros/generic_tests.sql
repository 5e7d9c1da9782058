{#
    One test per table, so that what a table promises is one scan and not ten queries.

    The promises stand with the table: `required` and `keys` (each unique) in the model's meta,
    `values` in a column's meta. Where the table holds estimates, precision_label says of each row
    whether it has one. Arguments are what needs a second
    table, {column: model}: `parents` are keys that exist there or are NULL, `pairs` are keys of
    the clinic and the column.

    Returns the column, what is wrong with it and how often, by clinic where the table has one;
    never a value.
#}
{% test contract(model, parents={}, pairs={}) %}
{% if execute %}
{% set columns = adapter.get_columns_in_relation(model) | map(attribute='name') | list %}
{% set clinic = 'clinic_id, ' if 'clinic_id' in columns else '' %}
{% set node = contract_node(model) %}
{% set meta = node.config.meta %}
{% set checks = contract_checks(node, columns) %}

with

counted as (

    select
        {{ clinic }}
        {% for column, problem, broken in checks %}
        sum(case when {{ broken }} then 1 else 0 end) as broken_{{ loop.index }},
        {% endfor %}
        count(*) as n_rows

    from {{ model }}

    {% if clinic %}group by clinic_id{% endif %}

),

found as (

    {% for column, problem, broken in checks %}
    select {{ clinic }}'{{ column }}' as column_name, '{{ problem }}' as problem, broken_{{ loop.index }} as n_rows
    from counted

    union all

    {% endfor %}
    {% for key in meta.get('keys', []) %}
    {{ contract_repeated(model, key, clinic) }}

    union all

    {% endfor %}
    {% for column, parent in parents.items() %}
    {{ contract_orphans(model, column, ref(parent), clinic, ['child.' ~ column ~ ' = parent.' ~ column]) }}

    union all

    {% endfor %}
    {% for column, parent in pairs.items() %}
    {{ contract_orphans(
        model, column, ref(parent), clinic,
        ['child.' ~ column ~ ' = parent.' ~ column, 'child.clinic_id = parent.clinic_id'],
    ) }}

    union all

    {% endfor %}
    select {{ clinic }}'' as column_name, '' as problem, 0 as n_rows
    from counted

)

select * from found where n_rows > 0
{% else %}
{% for parent in (parents.values() | list) + (pairs.values() | list) %}
-- depends on {{ ref(parent) }}
{% endfor %}
{% endif %}
{% endtest %}

{# What the project says of a model or seed. #}
{% macro contract_node(model) %}
    {% set place = '.' ~ project_name ~ '.' ~ model.identifier %}
    {{ return(graph.nodes.get('model' ~ place) or graph.nodes['seed' ~ place]) }}
{% endmacro %}

{# (column, problem, SQL that is true for a row that breaks it), each found in the row alone. #}
{% macro contract_checks(node, columns) %}
    {% set checks = [] %}
    {% for column in node.config.meta.get('required', []) %}
        {% do checks.append((column, 'missing', column ~ ' is null')) %}
    {% endfor %}
    {% for column in node.columns.values() if column.config.meta.get('values') %}
        {% set values = "'" ~ column.config.meta['values'] | join("', '") ~ "'" %}
        {% do checks.append((column.name, 'another value', column.name ~ ' not in (' ~ values ~ ')')) %}
    {% endfor %}
    {% if 'precision_label' in columns and 'n_episodes' in columns and 'estimate' in columns %}
        {% set unlabeled = "precision_label = 'none'" %}
        {% set something = 'coalesce(estimate, ci_low, ci_high) is not null' %}
        {% do checks.append(('estimate', 'there though labeled none', unlabeled ~ ' and ' ~ something)) %}
        {% do checks.append((
            'estimate', 'missing though labeled',
            'not ' ~ unlabeled ~ ' and (estimate is null or n_episodes is null)',
        )) %}
    {% endif %}
    {{ return(checks) }}
{% endmacro %}

{# Rows that share a key, by the first and the last clinic of each; one column alone may be NULL. #}
{% macro contract_repeated(model, key, clinic) -%}
    select {{ clinic }}'{{ key | join(', ') }}' as column_name, 'not unique' as problem, count(*) as n_rows
    from (
        {%- if clinic %}
        select case when side = 1 then first_clinic else last_clinic end as clinic_id
        from (
            select min(clinic_id) as first_clinic, max(clinic_id) as last_clinic
            from {{ model }}
            {% if key | length == 1 %}where {{ key[0] }} is not null{% endif %}
            group by {{ key | join(', ') }}
            having count(*) > 1
        ) as repeated
        cross join (select 1 as side union all select 2 as side) as sides
        {%- else %}
        select count(*) as n_same
        from {{ model }}
        {% if key | length == 1 %}where {{ key[0] }} is not null{% endif %}
        group by {{ key | join(', ') }}
        having count(*) > 1
        {%- endif %}
    ) as by_clinic
    {% if clinic %}group by clinic_id{% endif %}
{%- endmacro %}

{# Rows whose key is not in the parent. #}
{% macro contract_orphans(model, column, parent, clinic, conditions) -%}
    select {{ 'child.' ~ clinic if clinic }}'{{ column }}' as column_name, 'not in its table' as problem, count(*) as n_rows
    from {{ model }} as child
    {{ anti_join() }} {{ parent }} as parent on {{ conditions | join(' and ') }}
    where child.{{ column }} is not null
    {% if clinic %}group by child.clinic_id{% endif %}
{%- endmacro %}
