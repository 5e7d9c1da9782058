{#
    `left <operator> right`, where the operator is data: the registry says for every cut-off and
    every reliable change whether the boundary itself counts. NULL when anything is missing.
    Rounding to 9 decimals keeps a sum of decimals from missing its own boundary.
#}
{% macro compare(left, operator, right) -%}
    case {{ operator }}
        when '>=' then round({{ left }}, 9) >= round({{ right }}, 9)
        when '>' then round({{ left }}, 9) > round({{ right }}, 9)
        when '<=' then round({{ left }}, 9) <= round({{ right }}, 9)
        when '<' then round({{ left }}, 9) < round({{ right }}, 9)
    end
{%- endmacro %}

{#
    The class of a change, of a row that says whether it is reliable and whether the client was a
    case before and after; NULL where nobody can say whether it is reliable.
#}
{% macro change_class() -%}
    case
        when is_reliably_improved and is_case_at_start and not is_case_at_end
            then 'recovered'
        when is_reliably_improved then 'improved'
        when is_reliably_deteriorated and not is_case_at_start and is_case_at_end
            then 'harmed'
        when is_reliably_deteriorated then 'deteriorated'
        when not is_reliably_improved and not is_reliably_deteriorated then 'unchanged'
    end
{%- endmacro %}

{# Percent of the maximum possible: 0 is the lowest, 100 the highest score the scale allows. #}
{% macro pomp(score, score_min, score_max) -%}
    ({{ score }} - {{ score_min }}) * 100.0 / nullif({{ score_max }} - {{ score_min }}, 0)
{%- endmacro %}

{# Sessions that count as treatment. A clinic that does not record types delivers treatment. #}
{% macro is_treatment_type(column) -%}
    coalesce({{ column }}, 'treatment') in ('treatment', 'group')
{%- endmacro %}
