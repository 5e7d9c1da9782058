with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_outcome_candidates') }}

),

{# A count of 1 to small_number - 1 on either side of a share would follow from the share. #}
judged as (

    select
        *,
        case
            when estimate is null then 'suppressed'
            when n_used < {{ var('small_number', 11) }} then 'suppressed'
            when n_events between 1 and {{ var('small_number', 11) - 1 }} then 'suppressed'
            when n_used - n_events between 1 and {{ var('small_number', 11) - 1 }}
                then 'suppressed'
            else 'reportable'
        end as own_label

    from {{ ref('int_cf_outcome_change') }}

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
                        when metric = '{{ wider }}' and own_label <> 'suppressed'
                            then n_events
                    end
                ) over same_method - n_events
                between 1 and {{ var('small_number', 11) - 1 }}
                {{- ' or' if not loop.last }}
                {% endfor %}
            ),
            false
        ) as gives_away_events

    from judged

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
        count(*) filter (where own_label = 'suppressed') over (
            partition by
                scope_level, scope_id, instrument_id, version, method,
                metric in ('reliably_improved', 'unchanged', 'reliably_deteriorated')
        ) as n_hidden,
        row_number() over (
            partition by
                scope_level, scope_id, instrument_id, version, method,
                metric in ('reliably_improved', 'unchanged', 'reliably_deteriorated'),
                own_label
            order by n_events, metric
        ) as smallest_number

    from nested

),

labeled as (

    select
        *,
        case
            when
                own_label <> 'suppressed'
                and not gives_away_cases
                and not gives_away_events
                and not (is_of_three and n_hidden = 1 and smallest_number = 1)
                then own_label
            else 'suppressed'
        end as precision_label,
        case when not gives_away_cases then n_used end as visible_n_used

    from ranked

),

{% call cf_mart(
    hidden=['n_events'],
    clients=none,
    therapists=none,
    episodes='visible_n_used',
    rest='not scored twice, not judged by the method or outside the denominator',
    benchmark="benchmarks.table_name = 'cf_outcome_change' and shown.method || '_' || shown.metric = benchmarks.metric",
    caution='pre-post, uncontrolled: change is not effect, and who answered twice differs from who did not',
) %}
    shown.instrument_id,
    shown.version,
    shown.method,
    shown.metric,
    shown.denominator,
{% endcall %}
