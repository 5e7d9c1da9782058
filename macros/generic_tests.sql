{# Tests of whole models, so that a model with six keys is one query and not six. #}

{# No two rows share these columns. #}
{% test unique_combination(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as n_rows

from {{ model }}

group by {{ columns | join(', ') }}

having count(*) > 1
{% endtest %}

{# Every key that is not NULL exists in its parent: {column: model}. Returns counts by clinic, no key. #}
{% test keys_exist(model, parents) %}
{% set has_clinic = execute and 'clinic_id' in (adapter.get_columns_in_relation(model) | map(attribute = 'name')) %}
{% for column, parent in parents.items() %}
select
    {% if has_clinic %}child.clinic_id,{% endif %}
    '{{ column }}' as column_name,
    count(*) as n_orphans

from {{ model }} as child

{{ anti_join() }} {{ ref(parent) }} as parent on child.{{ column }} = parent.{{ column }}

where child.{{ column }} is not null

{% if has_clinic %}group by child.clinic_id{% else %}having count(*) > 0{% endif %}

{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}

{# As keys_exist for dimensions whose key is the clinic and the column. #}
{% test pairs_exist(model, parents) %}
{% for column, parent in parents.items() %}
select
    child.clinic_id,
    '{{ column }}' as column_name,
    count(*) as n_orphans

from {{ model }} as child

{{ anti_join() }} {{ ref(parent) }} as parent
    on
        child.{{ column }} = parent.{{ column }}
        and child.clinic_id = parent.clinic_id

where child.{{ column }} is not null

group by child.clinic_id

{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}
