{# Add up a clinic × therapist × month CTE to both scopes; `counts` are the columns to sum. #}
{% macro fidelity_scopes(rows, counts) -%}
    select
        'clinic' as scope_level,
        clinic_id as scope_id,
        clinic_id,
        month,
        {% for count in counts %}
            sum({{ count }}) as {{ count }}{% if not loop.last %},{% endif %}
        {% endfor %}

    from {{ rows }}

    group by
        clinic_id,
        month

    union all

    select
        'therapist' as scope_level,
        {{ as_text('therapist_key') }} as scope_id,
        clinic_id,
        month,
        {% for count in counts %}
            sum({{ count }}) as {{ count }}{% if not loop.last %},{% endif %}
        {% endfor %}

    from {{ rows }}

    where therapist_key is not null

    group by
        therapist_key,
        clinic_id,
        month
{%- endmacro %}
