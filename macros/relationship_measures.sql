{#
    A cf_ table of correlations from int_cf_measure_outcome, as `with ... select`.

    target: what the measure is set beside, named target_instrument_id unless it is always the
    outcome. moments: whether mean and spread of the measure stand beside it. compared: also the rows
    that compare two raters.
#}
{% macro cf_measure_table(
    table_name, caution, target='outcome_instrument_id', moments=true, compared=false
) -%}
with

candidates as (

    select
        clinic_id,
        clinic_group,
        metric as candidate_metric,
        rater,
        instrument_id,
        version,
        exclusion_reason

    from {{ ref('int_cf_measure_candidates') }}

    where table_name = '{{ table_name }}'

),

{#- A comparison of two raters has the candidates of the first. #}
labeled as (

    select
        estimates.*,
        case when metric = 'difference' then 'empathy' else metric end as candidate_metric,
        {{ cf_precision(too_few='n_clients < 20', too_imprecise='n_clients < 50') }}
            as precision_label

    from {{ ref('int_cf_measure_outcome') }} as estimates

    where table_name = '{{ table_name }}'

),

{% call cf_mart(
    by=['candidate_metric', 'rater', 'instrument_id', 'version'],
    beside=[
        'cluster_ci_low', 'cluster_ci_high', 'zero_order_r', 'zero_order_r_ci_low',
        'zero_order_r_ci_high', 'spearman_r', 'spearman_r_ci_low', 'spearman_r_ci_high',
    ] + (['measure_mean', 'measure_sd'] if moments else [])
    + (['williams_t', 'williams_p'] if compared else []),
    benchmark="benchmarks.table_name = '" ~ table_name ~ "' and labeled.metric = benchmarks.metric",
    caution=caution,
) %}
    labeled.metric,
    labeled.rater,
    labeled.instrument_id as measure_instrument_id,
    labeled.version as measure_version,
    {%- if compared %}
    labeled.compared_rater,
    labeled.compared_instrument_id,
    labeled.compared_version,
    {%- endif %}
    labeled.target_instrument_id as {{ target }},
{% endcall %}
{%- endmacro %}
