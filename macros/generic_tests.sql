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

{# Every key that is not NULL exists in its parent: {column: model}. Returns counts, no key. #}
{% test keys_exist(model, parents) %}
{% for column, parent in parents.items() %}
select
    '{{ column }}' as column_name,
    count(*) as n_orphans

from {{ model }} as child

{{ anti_join() }} {{ ref(parent) }} as parent on child.{{ column }} = parent.{{ column }}

where child.{{ column }} is not null

having count(*) > 0

{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}

{# As keys_exist for dimensions whose key is the clinic and the column. #}
{% test pairs_exist(model, parents) %}
{% for column, parent in parents.items() %}
select
    '{{ column }}' as column_name,
    count(*) as n_orphans

from {{ model }} as child

{{ anti_join() }} {{ ref(parent) }} as parent
    on
        child.{{ column }} = parent.{{ column }}
        and child.clinic_id = parent.clinic_id

where child.{{ column }} is not null

having count(*) > 0

{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}
