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
    benchmark="benchmarks.benchmark_id = 'eubanks_2018_repair_r' and labeled.rupture_class = 'repaired'",
    caution='association, not cause: clients who improve stay long enough to repair, and more sessions hold more ruptures',
) %}
    labeled.detector,
    labeled.instrument_id,
    labeled.version,
    'client' as rater,
    labeled.outcome_instrument_id,
    labeled.rupture_class,
    'at least {{ var("rupture_landmark_session", 6) }} attended sessions' as landmark,
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
