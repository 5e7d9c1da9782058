{#
    A cf_ table of correlations from int_cf_measure_outcome, as `with ... select`.

    target: what the measure is set beside, named target_instrument_id unless it is always the
    outcome. by_therapists: hide rows that rest on fewer therapists than small_number, for what
    must not lead to one of them. compared: also the rows that compare two raters.
#}
{% macro cf_measure_table(
    table_name, caution, target='outcome_instrument_id', by_therapists=false, compared=false
) -%}
{%- set small = var('small_number', 11) -%}
{%- set few_therapists %}coalesce(
        shown.reason,
        case
            when shown.n_therapists < {{ small }}
                then 'fewer than {{ small }} therapists: a number could point at one of them'
        end
    ){% endset -%}
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
        case
            when n_clients < greatest({{ small }}, 20) or estimate is null then 'suppressed'
            {%- if by_therapists %}
            when n_therapists < {{ small }} then 'suppressed'
            {%- endif %}
            when n_clients < 50 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from {{ ref('int_cf_measure_outcome') }} as estimates

    where table_name = '{{ table_name }}'

),

{% call cf_mart(
    by=['candidate_metric', 'rater', 'instrument_id', 'version'],
    hidden=[
        'cluster_ci_low', 'cluster_ci_high', 'zero_order_r', 'zero_order_r_ci_low',
        'zero_order_r_ci_high', 'spearman_r', 'spearman_r_ci_low', 'spearman_r_ci_high',
    ] + ([] if by_therapists else ['measure_mean', 'measure_sd'])
    + (['williams_t', 'williams_p'] if compared else []),
    benchmark="benchmarks.table_name = '" ~ table_name ~ "' and shown.metric = benchmarks.metric",
    caution=caution,
    therapists='case when shown.n_therapists >= ' ~ small ~ ' then shown.n_therapists end'
    if by_therapists else 'shown.n_therapists',
    reason=few_therapists if by_therapists else 'shown.reason',
) %}
    shown.metric,
    shown.rater,
    shown.instrument_id as measure_instrument_id,
    shown.version as measure_version,
    {%- if compared %}
    shown.compared_rater,
    shown.compared_instrument_id,
    shown.compared_version,
    {%- endif %}
    shown.target_instrument_id as {{ target }},
{% endcall %}
{%- endmacro %}
