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
        {{ cf_precision(
            too_few="least(n_clients_modality, n_clients_compared) < 30"
            ~ " or least(n_therapists_modality, n_therapists_compared) < 3",
            exploratory='least(n_therapists_modality, n_therapists_compared) < 10',
        ) }} as precision_label

    from {{ ref('int_cf_modality_equivalence') }} as estimates

),

{% call cf_mart(
    beside=[
        'wide_ci_low', 'wide_ci_high', 'difference_points', 'pooled_sd', 'tost_p',
        'verdict', 'verdict_at_24', 'verdict_at_30', 'pre_difference_sd',
    ],
    benchmark="benchmarks.table_name = 'cf_modality_equivalence' and 'd' = benchmarks.metric",
    caution='association, not cause: clients are not allocated at random, and not significant is not equivalent',
) %}
    labeled.outcome_instrument_id,
    labeled.modality,
    labeled.compared_modality,
    'case-mix adjusted difference in last score, pooled SD' as metric,
    labeled.model,
    labeled.margin,
    case
        when labeled.estimate is not null
            then
                concat_ws(
                    '; ',
                    case
                        when labeled.n_therapists_both = 0
                            then 'no therapist practises both: modality and therapist cannot be told apart'
                        when labeled.n_therapists_both < 3
                            then 'fewer than 3 therapists practise both'
                    end,
                    case
                        when abs(labeled.pre_difference_sd) >= 0.25
                            then 'severity at the start differs by a quarter SD or more'
                    end,
                    'allegiance of therapists is not recorded'
                )
    end as confounding,
    labeled.n_clients_modality,
    labeled.n_clients_compared,
    labeled.n_therapists_modality,
    labeled.n_therapists_compared,
    labeled.n_therapists_both,
{% endcall %}
