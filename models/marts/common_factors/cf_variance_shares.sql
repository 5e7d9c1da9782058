with

candidates as (

    select
        clinic_id,
        clinic_group,
        shares_exclusion_reason as exclusion_reason

    from {{ ref('int_cf_within_between_therapist_candidates') }}

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(
            too_few='n_therapists < 10 or n_clients < 200',
            exploratory='n_therapists < 40 or n_clients < 1200',
        ) }} as precision_label

    from {{ ref('int_cf_variance_shares') }} as estimates

),

{% call cf_mart(
    benchmark="benchmarks.table_name = 'cf_variance_shares' and labeled.source = benchmarks.metric",
    caution='association, not cause: shares of what is left after the first score, not of the effect of treatment',
) %}
    labeled.alliance_instrument_id,
    labeled.outcome_instrument_id,
    labeled.source,
    'share averaged over all orders of entry (Shapley, LMG), first score held equal' as decomposition,
    labeled.n_modalities,
{% endcall %}
