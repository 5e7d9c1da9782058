{% set smallest = var('small_number', 11) %}
{% set shares = ['reliably_improved', 'dropout'] %}
{% set ends = ['', '_ci_low', '_ci_high'] %}

with

candidates as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        exclusion_reason

    from {{ ref('int_cf_rupture_candidates') }}

),

{# A share is shown when neither side of it is a cell of 1 to small_number - 1 (domain 4.20). #}
sized as (

    select
        *,
        {% for share in shares %}
            n_{{ share }}_known >= {{ smallest }}
            and n_{{ share }} not between 1 and {{ smallest - 1 }}
            and n_{{ share }}_known - n_{{ share }} not between 1 and {{ smallest - 1 }}
                as is_{{ share }}_shown,
        {% endfor %}
        n_clients >= {{ smallest }} as is_large

    from {{ ref('int_cf_rupture_outcome') }}

),

{# What the reference classes of the same scope and forms may show. #}
labeled as (

    select
        sized.*,
        case
            when not sized.is_large or sized.estimate is null then 'suppressed'
            when sized.n_clients < 50 then 'too imprecise'
            else 'exploratory'
        end as precision_label,
        {% for reference in ['none', 'unrepaired'] %}
            bool_or(sized.rupture_class = '{{ reference }}' and sized.is_large) over same_rows
                as is_{{ reference }}_shown,
            {% for share in shares %}
                bool_or(
                    sized.rupture_class = '{{ reference }}'
                    and sized.is_large
                    and sized.is_{{ share }}_shown
                ) over same_rows as is_{{ share }}_of_{{ reference }}_shown,
            {% endfor %}
        {% endfor %}
        sum(sized.n_clients) over same_rows as used_count

    from sized

    window
        same_rows as (
            partition by
                sized.scope_level,
                sized.scope_id,
                sized.detector,
                sized.instrument_id,
                sized.version,
                sized.outcome_instrument_id
        )

),

{% call cf_mart(
    by=['detector', 'instrument_id', 'version'],
    hidden=['sd_improvement', 'mean_sessions'],
    used='used_count',
    benchmark="benchmarks.benchmark_id = 'eubanks_2018_repair_r' and shown.rupture_class = 'repaired'",
    caution='association, not cause: clients who improve stay long enough to repair, and more sessions hold more ruptures',
) %}
    shown.detector,
    shown.instrument_id,
    shown.version,
    'client' as rater,
    shown.outcome_instrument_id,
    shown.rupture_class,
    'at least {{ var("rupture_landmark_session", 6) }} attended sessions' as landmark,
    'mean_improvement' as metric,
    {% for share in shares %}
        {% for end in ends %}
            case
                when shown.is_large and shown.is_{{ share }}_shown
                    then shown.{{ share }}_percent{{ end }}
            end as {{ share }}_percent{{ end }},
        {% endfor %}
    {% endfor %}
    {% for reference in ['none', 'unrepaired'] %}
        {% for end in ends %}
            case
                when shown.is_large and shown.is_{{ reference }}_shown
                    then shown.improvement_vs_{{ reference }}{{ end }}
            end as improvement_vs_{{ reference }}{{ end }},
        {% endfor %}
        {% for share in shares %}
            {% for end in ends %}
                case
                    when
                        shown.is_large
                        and shown.is_{{ share }}_shown
                        and shown.is_{{ share }}_of_{{ reference }}_shown
                        then shown.{{ share }}_percent_vs_{{ reference }}{{ end }}
                end as {{ share }}_percent_vs_{{ reference }}{{ end }},
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {% for end in ends %}
        case
            when shown.is_large and shown.is_unrepaired_shown then shown.repair_r{{ end }}
        end as repair_r{{ end }},
    {% endfor %}
{% endcall %}
