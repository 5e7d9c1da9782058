with

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_modality_candidates') }}

),

labeled as (

    select
        estimates.*,
        case
            when estimate is null then 'suppressed'
            when least(n_clients_modality, n_clients_compared) < 30 then 'suppressed'
            when least(n_therapists_modality, n_therapists_compared) < 3 then 'suppressed'
            when least(n_therapists_modality, n_therapists_compared) < 10 then 'exploratory'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_modality_equivalence') }} as estimates

),

{% call cf_mart(
    hidden=[
        'wide_ci_low', 'wide_ci_high', 'difference_points', 'pooled_sd', 'tost_p',
        'verdict', 'verdict_at_24', 'verdict_at_30', 'pre_difference_sd',
    ],
    benchmark="benchmarks.table_name = 'cf_modality_equivalence' and 'd' = benchmarks.metric",
    caution='association, not cause: clients are not allocated at random, and not significant is not equivalent',
) %}
    shown.outcome_instrument_id,
    shown.modality,
    shown.compared_modality,
    'case-mix adjusted difference in last score, pooled SD' as metric,
    shown.model,
    shown.margin,
    case
        when shown.is_shown
            then
                concat_ws(
                    '; ',
                    case
                        when shown.n_therapists_both = 0
                            then 'no therapist practises both: modality and therapist cannot be told apart'
                        when shown.n_therapists_both < 3
                            then 'fewer than 3 therapists practise both'
                    end,
                    case
                        when abs(shown.pre_difference_sd) >= 0.25
                            then 'severity at the start differs by a quarter SD or more'
                    end,
                    'allegiance of therapists is not recorded'
                )
    end as confounding,
    {{ cf_visible_count('shown.n_clients_modality') }} as n_clients_modality,
    {{ cf_visible_count('shown.n_clients_compared') }} as n_clients_compared,
    shown.n_therapists_modality,
    shown.n_therapists_compared,
    shown.n_therapists_both,
{% endcall %}
