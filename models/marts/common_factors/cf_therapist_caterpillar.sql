with

candidates as (

    select
        therapist_code,
        therapist_key,
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_therapist_candidates') }}

),

{# The code numbers therapist keys, so max() picks the only one there is. #}
therapists as (

    select
        therapist_code,
        max(therapist_key) as therapist_key

    from candidates

    where exclusion_reason is null

    group by therapist_code

),

labeled as (

    select
        estimates.*,
        therapists.therapist_key,
        estimates.rank as therapist_rank,
        {{ cf_precision(
            too_few='estimates.n_clients < 11 or n_therapists < 10 or n_clients_in_model < 200',
            too_imprecise='reliability < 0.7',
            exploratory='n_therapists < 40 or n_clients_in_model < 1200',
        ) }} as precision_label

    from {{ ref('int_cf_therapist_caterpillar') }} as estimates

    inner join therapists on estimates.therapist_code = therapists.therapist_code

),

{% call cf_mart(
    by=['therapist_code'],
    beside=[
        'se', 'pairwise_ci_low', 'pairwise_ci_high', 'therapist_rank', 'rank_best', 'rank_worst',
        'reliability', 'standing', 'mean_improvement', 'mean_pre',
    ],
    pooled=false,
    why_no_benchmark='there is no benchmark for a single therapist',
    caution='association, not cause: an estimate pulled to the average, for supervision, not for ranking',
) %}
    labeled.outcome_instrument_id,
    labeled.therapist_key,
{% endcall %}
