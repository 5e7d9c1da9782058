with

candidates as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        not_assessable_reason as exclusion_reason

    from {{ ref('cf_alliance_ruptures') }}

),

{# No criterion is accepted by all, so nothing here is better than exploratory. #}
labeled as (

    select
        estimates.*,
        {{ cf_precision(too_imprecise='n_episodes < 50', otherwise='exploratory') }}
            as precision_label

    from {{ ref('int_cf_rupture_summary') }} as estimates

),

{% call cf_mart(
    by=['detector', 'instrument_id', 'version'],
    beside=[
        'rupture_percent', 'rupture_percent_ci_low', 'rupture_percent_ci_high',
        'repaired_percent', 'repaired_percent_ci_low', 'repaired_percent_ci_high',
        'n_none_episodes', 'n_repaired_episodes', 'n_unrepaired_episodes', 'n_rupture_episodes',
        'n_ruptures', 'n_opportunities', 'n_repaired', 'n_unrepaired', 'n_undecided',
        'n_unrepaired_terminal', 'n_v_shapes', 'n_u_shape_episodes',
    ],
    episodes='n_episodes',
    reasons='exclusions.reasons',
    benchmark="benchmarks.table_name = 'cf_rupture_summary' and benchmarks.metric = 'rupture_percent'",
    caution='association, not cause: no criterion is accepted by all, compare detectors side by side; '
    ~ 'several clinics are summed, each weighted by its courses',
) %}
    labeled.detector,
    labeled.instrument_id,
    labeled.version,
    labeled.rater,
    'ruptures_per_opportunity' as metric,
{% endcall %}
