{% set smallest = var('small_number', 11) %}
{% set shares = ['reliably_improved', 'dropout'] %}
{% set ends = ['', '_ci_low', '_ci_high'] %}

with

estimates as (

    select * from {{ ref('int_cf_rupture_outcome') }}

),

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

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', by=['detector', 'instrument_id', 'version']) }},

{# A share is shown when neither side of it is a cell of 1 to small_number - 1 (domain 4.20). #}
labeled as (

    select
        *,
        {% for share in shares %}
            n_{{ share }}_known >= {{ smallest }}
            and n_{{ share }} not between 1 and {{ smallest - 1 }}
            and n_{{ share }}_known - n_{{ share }} not between 1 and {{ smallest - 1 }}
                as is_{{ share }}_shown,
        {% endfor %}
        n_clients >= {{ smallest }} as is_shown

    from estimates

),

{# What the reference classes of the same scope and forms may show. #}
with_references as (

    select
        labeled.*,
        {% for reference in ['none', 'unrepaired'] %}
            bool_or(labeled.rupture_class = '{{ reference }}' and labeled.is_shown) over same_rows
                as is_{{ reference }}_shown,
            {% for share in shares %}
                bool_or(
                    labeled.rupture_class = '{{ reference }}'
                    and labeled.is_shown
                    and labeled.is_{{ share }}_shown
                ) over same_rows as is_{{ share }}_of_{{ reference }}_shown,
            {% endfor %}
        {% endfor %}
        sum(labeled.n_clients) over same_rows as used_count

    from labeled

    window
        same_rows as (
            partition by
                labeled.scope_level,
                labeled.scope_id,
                labeled.detector,
                labeled.instrument_id,
                labeled.version,
                labeled.outcome_instrument_id
        )

)

select
    shown.scope_level,
    shown.scope_id,
    shown.detector,
    shown.instrument_id,
    shown.version,
    'client' as rater,
    shown.outcome_instrument_id,
    shown.rupture_class,
    'at least {{ var("rupture_landmark_session", 6) }} attended sessions' as landmark,
    'mean_improvement' as metric,
    {% for column in ['estimate', 'ci_low', 'ci_high'] %}
        case when shown.is_shown then shown.{{ column }} end as {{ column }},
    {% endfor %}
    shown.ci_level,
    case when shown.is_shown then shown.sd_improvement end as sd_improvement,
    case when shown.is_shown then shown.mean_sessions end as mean_sessions,
    {% for share in shares %}
        {% for end in ends %}
            case
                when shown.is_shown and shown.is_{{ share }}_shown
                    then shown.{{ share }}_percent{{ end }}
            end as {{ share }}_percent{{ end }},
        {% endfor %}
    {% endfor %}
    {% for reference in ['none', 'unrepaired'] %}
        {% for end in ends %}
            case
                when shown.is_shown and shown.is_{{ reference }}_shown
                    then shown.improvement_vs_{{ reference }}{{ end }}
            end as improvement_vs_{{ reference }}{{ end }},
        {% endfor %}
        {% for share in shares %}
            {% for end in ends %}
                case
                    when
                        shown.is_shown
                        and shown.is_{{ share }}_shown
                        and shown.is_{{ share }}_of_{{ reference }}_shown
                        then shown.{{ share }}_percent_vs_{{ reference }}{{ end }}
                end as {{ share }}_percent_vs_{{ reference }}{{ end }},
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {% for end in ends %}
        case
            when shown.is_shown and shown.is_unrepaired_shown then shown.repair_r{{ end }}
        end as repair_r{{ end }},
    {% endfor %}
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.used_count') }} as n_excluded,
    {{ cf_reasons_in_words('shown.used_count') }} as exclusion_reasons,
    case
        when not shown.is_shown or shown.estimate is null then 'suppressed'
        when shown.n_clients < 50 then 'too imprecise'
        else 'exploratory'
    end as precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: clients who improve stay long enough to repair, and more sessions '
    || 'hold more ruptures' as caution

from with_references as shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.detector = exclusions.detector
        and shown.instrument_id = exclusions.instrument_id
        and shown.version = exclusions.version

cross join extract_dates

left join benchmarks
    on
        benchmarks.benchmark_id = 'eubanks_2018_repair_r'
        and benchmarks.evidence = 'verified'
        and shown.rupture_class = 'repaired'
