with

candidates as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        case
            when max(case when is_used then 1 else 0 end) = 1 or exclusion_reason is not null
                then exclusion_reason
            else 'no session after which it is known whether the client came again'
        end as exclusion_reason

    from {{ ref('int_cf_dropout_hazard_candidates') }}

    group by
        clinic_id,
        clinic_group,
        episode_key,
        exclusion_reason

),

labeled as (

    select
        estimates.*,
        {{ cf_precision(too_imprecise='smallest_cell < 11', exploratory='n_therapists < 10') }}
            as precision_label

    from {{ ref('int_cf_dropout_hazard') }} as estimates

),

{% call cf_mart(
    beside=['n_dropouts', 'n_sessions'],
    benchmark="benchmarks.table_name = 'cf_dropout_hazard' and labeled.metric = benchmarks.metric",
    caution='association, not cause: an unrated session is often a bad one, see hazard_ratio_not_rated',
) %}
    labeled.alliance_instrument_id,
    'client' as alliance_rater,
    'rating of the last attended session before the one at risk' as alliance_window,
    labeled.metric,
{% endcall %}
