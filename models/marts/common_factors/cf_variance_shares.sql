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
        case
            when estimate is null or n_therapists < 10 or n_clients < 200 then 'suppressed'
            when n_therapists < 40 or n_clients < 1200 then 'exploratory'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_variance_shares') }} as estimates

),

{% call cf_mart(
    benchmark="benchmarks.table_name = 'cf_variance_shares' and shown.source = benchmarks.metric",
    caution='association, not cause: shares of what is left after the first score, not of the effect of treatment',
) %}
    shown.alliance_instrument_id,
    shown.outcome_instrument_id,
    shown.source,
    'share averaged over all orders of entry (Shapley, LMG), first score held equal' as decomposition,
    shown.n_modalities,
{% endcall %}
