with

estimates as (

    select * from {{ ref('int_cf_outcome_change') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_outcome_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates') }},

{# A count of 1 to small_number - 1 on either side of a share would follow from the share. #}
labeled as (

    select
        *,
        case
            when estimate is null then 'suppressed'
            when n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_events between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when n_used - n_events between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            else 'reportable'
        end as precision_label

    from estimates

),

{#
    Who recovered also improved, and only a case at the start can recover: what lies between such
    counts of one scope, instrument and method (improved but not recovered, no case at the start)
    is a count as well.
#}
nested as (

    select
        *,
        metric in ('recovered', 'reliably_recovered')
        and max(n_used) over same_method - n_used
        between 1 and {{ var('small_number', 11) - 1 }} as gives_away_cases,
        coalesce(
            metric in ('recovered', 'reliably_recovered')
            and (
                {% for wider in ['reliably_improved', 'recovered'] %}
                max(
                    case
                        when metric = '{{ wider }}' and precision_label <> 'suppressed'
                            then n_events
                    end
                ) over same_method - n_events
                between 1 and {{ var('small_number', 11) - 1 }}
                {{- ' or' if not loop.last }}
                {% endfor %}
            ),
            false
        ) as gives_away_events

    from labeled

    window
        same_method as (
            partition by scope_level, scope_id, instrument_id, version, method
        )

),

{# Improved, unchanged and deteriorated make 1: one hidden alone would follow from the others. #}
ranked as (

    select
        *,
        metric in ('reliably_improved', 'unchanged', 'reliably_deteriorated') as is_of_three,
        count(*) filter (where precision_label = 'suppressed') over (
            partition by
                scope_level, scope_id, instrument_id, version, method,
                metric in ('reliably_improved', 'unchanged', 'reliably_deteriorated')
        ) as n_hidden,
        row_number() over (
            partition by
                scope_level, scope_id, instrument_id, version, method,
                metric in ('reliably_improved', 'unchanged', 'reliably_deteriorated'),
                precision_label
            order by n_events, metric
        ) as smallest_number

    from nested

),

shown as (

    select
        *,
        precision_label <> 'suppressed'
        and not gives_away_cases
        and not gives_away_events
        and not (is_of_three and n_hidden = 1 and smallest_number = 1) as is_shown,
        case when not gives_away_cases then n_used end as visible_n_used

    from ranked

)

select
    shown.scope_level,
    shown.scope_id,
    shown.instrument_id,
    shown.version,
    shown.method,
    shown.metric,
    shown.denominator,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.n_events end as n_events,
    {{ cf_visible_count('shown.visible_n_used') }} as n_episodes,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.visible_n_used') }} as n_excluded,
    {{ cf_reasons_in_words('shown.visible_n_used', 'not scored twice, not judged by the method or outside the denominator') }} as exclusion_reasons,
    case when shown.is_shown then shown.precision_label else 'suppressed' end as precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'pre-post, uncontrolled: change is not effect, and who answered twice differs from who did not'
        as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_outcome_change'
        and shown.method || '_' || shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
