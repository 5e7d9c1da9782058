with

candidates as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        case when not is_judged then not_assessable_reason end as exclusion_reason

    from {{ ref('cf_alliance_ruptures') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(too_imprecise='n_episodes < 50', otherwise='exploratory') }}
            as precision_label

    from {{ ref('int_cf_rupture_base_rates') }} as estimates

),

{% call cf_mart(
    by=['detector', 'instrument_id', 'version'],
    beside=[
        'rupture_percent', 'rupture_percent_ci_low', 'rupture_percent_ci_high', 'noise_percent',
        'repaired_percent', 'repaired_percent_ci_low', 'repaired_percent_ci_high',
        'noise_repaired_percent', 'repaired_excess', 'repaired_excess_ci_low',
        'repaired_excess_ci_high', 'sensitivity_percent', 'sensitivity_percent_ci_low',
        'sensitivity_percent_ci_high', 'specificity_percent', 'specificity_percent_ci_low',
        'specificity_percent_ci_high', 'predictive_percent', 'predictive_percent_ci_low',
        'predictive_percent_ci_high', 'n_rupture_episodes', 'n_repaired_episodes',
        'n_unrepaired_episodes', 'n_reported_found', 'n_reported_missed', 'n_unreported_found',
        'n_unreported_quiet',
    ],
    episodes='n_episodes',
    reasons='exclusions.reasons',
    why_no_benchmark='no study publishes what noise gives its detector',
    caution='noise has the mean, spread and memory of the same courses, ruptures among them, so the excess is '
    ~ 'rather too small; a report is held against the same session only',
) %}
    labeled.detector,
    labeled.instrument_id,
    labeled.version,
    labeled.rater,
    'rupture_excess_percent' as metric,
    labeled.standing,
    labeled.is_chosen,
    labeled.chosen_because,
{% endcall %}
