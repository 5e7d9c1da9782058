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
with

estimates as (

    select *
    from {{ ref('int_cf_measure_outcome') }}
    where table_name = '{{ table_name }}'

),

candidates as (

    select
        clinic_id,
        clinic_group,
        metric,
        rater,
        instrument_id,
        version,
        exclusion_reason

    from {{ ref('int_cf_measure_candidates') }}

    where table_name = '{{ table_name }}'

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates', ['metric', 'rater', 'instrument_id', 'version']) }},

labeled as (

    select
        estimates.*,
        case
            when estimates.n_clients < greatest({{ small }}, 20) or estimates.estimate is null
                then 'suppressed'
            {%- if by_therapists %}
            when estimates.n_therapists < {{ small }} then 'suppressed'
            {%- endif %}
            when estimates.n_clients < 50 then 'too imprecise'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
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
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    {%- for column in [
        'cluster_ci_low', 'cluster_ci_high', 'zero_order_r', 'zero_order_r_ci_low',
        'zero_order_r_ci_high', 'spearman_r', 'spearman_r_ci_low', 'spearman_r_ci_high',
    ] + ([] if by_therapists else ['measure_mean', 'measure_sd'])
    + (['williams_t', 'williams_p'] if compared else []) %}
    case when shown.is_shown then shown.{{ column }} end as {{ column }},
    {%- endfor %}
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    {%- if by_therapists %}
    case when shown.n_therapists >= {{ small }} then shown.n_therapists end as n_therapists,
    {%- else %}
    shown.n_therapists,
    {%- endif %}
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_clients') }} as exclusion_reasons,
    shown.precision_label,
    {%- if by_therapists %}
    coalesce(
        shown.reason,
        case
            when shown.n_therapists < {{ small }}
                then 'fewer than {{ small }} therapists: a number could point at one of them'
        end
    ) as not_estimable_reason,
    {%- else %}
    shown.reason as not_estimable_reason,
    {%- endif %}
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    '{{ caution }}' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and case when shown.metric = 'difference' then 'empathy' else shown.metric end
        = exclusions.metric
        and shown.rater = exclusions.rater
        and shown.instrument_id = exclusions.instrument_id
        and shown.version = exclusions.version

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = '{{ table_name }}'
        and shown.metric = benchmarks.metric
        and benchmarks.evidence = 'verified'
{%- endmacro %}
