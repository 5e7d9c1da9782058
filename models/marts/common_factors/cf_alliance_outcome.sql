with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_alliance_outcome_candidates') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(too_few='n_clients < 20', too_imprecise='n_clients < 50') }}
            as precision_label

    from {{ ref('int_cf_alliance_outcome') }} as estimates

),

{% call cf_mart(
    beside=[
        'adjusted_r', 'adjusted_r_ci_low', 'adjusted_r_ci_high', 'cluster_ci_low',
        'cluster_ci_high', 'zero_order_r', 'zero_order_r_ci_low',
        'zero_order_r_ci_high', 'spearman_r', 'spearman_r_ci_low', 'spearman_r_ci_high',
        'alliance_mean', 'alliance_sd', 'ceiling_percent',
    ],
    benchmark="benchmarks.benchmark_id = 'fluckiger_2018_r'",
    caution='association, not cause: estimate holds what had changed before the alliance; adjusted_r does not',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    'sessions {{ var("early_alliance_first_session", 3) }} to '
    || '{{ var("early_alliance_last_session", 5) }}, else the latest before' as alliance_window,
    labeled.outcome_instrument_id,
    'last score after the window, given the first' as outcome_metric,
{% endcall %}
