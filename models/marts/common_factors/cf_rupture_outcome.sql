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

labeled as (

    select
        *,
        {{ cf_precision(too_imprecise='n_clients < 50', otherwise='exploratory') }}
            as precision_label,
        sum(n_clients) over (
            partition by
                scope_level, scope_id, detector, instrument_id, version, outcome_instrument_id
        ) as used_count

    from {{ ref('int_cf_rupture_outcome') }}

),

{% call cf_mart(
    by=['detector', 'instrument_id', 'version'],
    beside=['sd_improvement', 'mean_sessions'],
    used='used_count',
    why_no_benchmark='published correlations are of whole treatments; this is change after a landmark by class at it',
    caution='association, not cause: the threshold of a detector rests on the spread of all ratings of a course, '
    ~ 'those after the landmark too',
) %}
    labeled.detector,
    labeled.instrument_id,
    labeled.version,
    'client' as rater,
    labeled.outcome_instrument_id,
    labeled.rupture_class,
    'class at session {{ var("rupture_landmark_session", 6) }}, outcome after it' as landmark,
    'mean_improvement' as metric,
    {% for measure in [
        'reliably_improved_percent', 'dropout_percent', 'improvement_vs_none',
        'reliably_improved_percent_vs_none', 'dropout_percent_vs_none', 'improvement_vs_unrepaired',
        'reliably_improved_percent_vs_unrepaired', 'dropout_percent_vs_unrepaired', 'repair_r',
    ] %}
        labeled.{{ measure }},
        labeled.{{ measure }}_ci_low,
        labeled.{{ measure }}_ci_high,
    {% endfor %}
{% endcall %}
