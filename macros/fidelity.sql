{# The metrics of mbc_fidelity that are a count of a count: name, numerator, denominator. #}
{% macro fidelity_ratios(grain) -%}
    {% set ratios = {
        'session': [
            ('completion', 'n_with_outcome', 'n_attended'),
            ('alliance_completion', 'n_with_alliance', 'n_attended'),
            ('completion_completers', 'n_completers_with_outcome', 'n_completers'),
            ('completion_dropouts', 'n_dropouts_with_outcome', 'n_dropouts'),
            ('reviewed', 'n_reviewed', 'n_with_score'),
            ('back_fill', 'n_forms_back_filled', 'n_forms'),
        ],
        'finished': [
            ('paired', 'n_paired', 'n_finished'),
            ('paired_phq9_gad7', 'n_nhs_paired', 'n_finished'),
        ],
        'started': [
            ('first_session_baseline', 'n_with_baseline', 'n_started'),
        ],
    } %}
    {{ return(ratios[grain]) }}
{%- endmacro %}

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
        cast(therapist_key as {{ dbt.type_string() }}) as scope_id,
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
