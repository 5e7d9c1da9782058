{# What the cf_ tables share: scopes, exclusions in words, precision, and the benchmark beside. #}

{# Rows of CTE `rows` (with clinic_id and clinic_group) once per scope they belong to. #}
{% macro cf_scoped(rows) -%}
    select 'overall' as scope_level, 'all' as scope_id, {{ rows }}.*
    from {{ rows }}

    union all

    select 'group' as scope_level, {{ rows }}.clinic_group as scope_id, {{ rows }}.*
    from {{ rows }}
    where {{ rows }}.clinic_group is not null

    union all

    select 'clinic' as scope_level, {{ rows }}.clinic_id as scope_id, {{ rows }}.*
    from {{ rows }}
{%- endmacro %}

{#
    CTEs `ranked` and `reasoned`: of several usable episodes of a client only the first counts.

    `judged` has one row per episode with client_key, start_date, episode_key and missing_reason
    (NULL = usable). `reasoned` adds exclusion_reason (NULL = counts).
#}
{% macro cf_each_client_once(judged) -%}
ranked as (

    select
        {{ judged }}.*,
        row_number() over (
            partition by client_key, missing_reason is null
            order by start_date, episode_key
        ) as client_episode_number

    from {{ judged }}

),

reasoned as (

    select
        ranked.*,
        coalesce(
            missing_reason,
            case when client_episode_number > 1 then 'later episode of a client counted once' end
        ) as exclusion_reason

    from ranked

)
{%- endmacro %}

{#
    CTEs that say, per scope and `by` columns, how many candidate episodes there are and why some
    were left out. `candidates` has one row per episode with exclusion_reason (NULL = used).
#}
{% macro cf_exclusions(candidates, by=[]) -%}
{%- set keys = ['scope_level', 'scope_id'] + by -%}
clinic_reasons as (

    select
        {{ (['clinic_id', 'clinic_group'] + by + ['exclusion_reason']) | join(',\n        ') }},
        count(*) as clinic_count

    from {{ candidates }}

    group by {{ (['clinic_id', 'clinic_group'] + by + ['exclusion_reason']) | join(', ') }}

),

{# Counts per clinic add up to groups and to all, so no candidate is copied per scope. #}
scoped_reasons as (

    {{ cf_scoped('clinic_reasons') }}

),

reason_counts as (

    select
        {{ keys | join(',\n        ') }},
        exclusion_reason,
        cast(sum(clinic_count) as bigint) as reason_count

    from scoped_reasons

    group by
        {{ keys | join(',\n        ') }},
        exclusion_reason

),

exclusions as (

    select
        {{ keys | join(',\n        ') }},
        sum(reason_count) as candidate_count,
        sum(case when exclusion_reason is null then reason_count else 0 end) as usable_count,
        {{ cf_list_of(
            "exclusion_reason || ': ' || reason_count", 'reason_count desc, exclusion_reason'
        ) }} as reasons

    from reason_counts

    group by {{ keys | join(', ') }}

)
{%- endmacro %}

{# 'a; b; c' of the rows where `text` is not null. #}
{% macro cf_list_of(text, order_by) -%}
    {{ return(adapter.dispatch('cf_list_of')(text, order_by)) }}
{%- endmacro %}

{% macro default__cf_list_of(text, order_by) -%}
    string_agg({{ text }}, '; ' order by {{ order_by }})
{%- endmacro %}

{% macro spark__cf_list_of(text, order_by) -%}
    array_join(transform(array_sort(collect_list(struct({{ order_by | replace(' desc', ' * -1') }}, {{ text }} as words))), entry -> entry.words), '; ')
{%- endmacro %}

{# Why candidates were left out; `rest` says it of usable ones that this row does not use. #}
{% macro cf_reasons_in_words(n_used, rest='other instruments') -%}
    nullif(
        concat_ws(
            '; ',
            exclusions.reasons,
            case
                when exclusions.usable_count > {{ n_used }}
                    then '{{ rest }}: ' || (exclusions.usable_count - {{ n_used }})
            end
        ),
        ''
    )
{%- endmacro %}

{#
    The benchmark columns; only a verified one may stand beside an estimate. why_none: in words, where
    there can be none.
#}
{% macro cf_benchmark_columns(why_none=none) -%}
        benchmarks.value as benchmark_value,
        benchmarks.ci_low as benchmark_ci_low,
        benchmarks.ci_high as benchmark_ci_high,
        benchmarks.source as benchmark_source,
        {%- if why_none %}
        false as benchmark_is_comparable,
        '{{ why_none }}' as benchmark_why_not
        {%- else %}
        benchmarks.is_comparable as benchmark_is_comparable,
        benchmarks.why_not as benchmark_why_not
        {%- endif %}
{%- endmacro %}

{% macro cf_definition_version() -%}
    '{{ var('cf_definition_version', '1') }}'
{%- endmacro %}

{#
    How far an estimate may be trusted, from SQL that is true below each bound of the table; the
    words are those of the doc block cf_precision_label. Nothing is hidden by it.
#}
{% macro cf_precision(
    too_few=none, too_imprecise=none, exploratory=none, otherwise='reportable', estimate='estimate'
) -%}
case
            when {{ estimate }} is null then 'none'
            {%- if too_few %}
            when {{ too_few }} then 'too few'
            {%- endif %}
            {%- if too_imprecise %}
            when {{ too_imprecise }} then 'too imprecise'
            {%- endif %}
            {%- if exploratory %}
            when {{ exploratory }} then 'exploratory'
            {%- endif %}
            else '{{ otherwise }}'
        end
{%- endmacro %}

{#
    The end of a cf_ table: `exclusions` and the closing select. The model's CTE `labeled` holds its
    estimates with precision_label, `candidates` the episodes they could be made from; the call's
    body lists the columns that only this table has.

    by: columns of both that tell the candidates of one row. beside: columns that follow estimate
    and interval. benchmark: SQL that finds the published number to stand beside it; why_no_benchmark:
    in words, where there can be none. clients, episodes: columns with the number of each. used: how many candidates are not left out, if not
    the episodes. rest: what became of usable candidates that a row does not use. caution: in words;
    without it a column of the body. reasons: SQL of the column. therapists: whether the table
    counts them. pooled: whether a row can be made of several clinics.
#}
{% macro cf_mart(
    benchmark='false', why_no_benchmark=none, caution=none, by=[], beside=[], clients='n_clients',
    episodes='n_clients', used=none, rest='other instruments', reasons=none, therapists=true,
    pooled=true
) -%}
{%- set used = 'labeled.' ~ (used or episodes) -%}
{%- set of_clinics = [
    'pooling', 'n_clinics', 'tau', 'i_squared_percent', 'prediction_low', 'prediction_high',
    'clinics_disagree',
] if pooled else [] -%}
{{ cf_exclusions('candidates', by) }}

select
    labeled.scope_level,
    labeled.scope_id,
    {{ caller() | trim }}
    {%- for column in ['estimate', 'ci_low', 'ci_high'] + beside + ['ci_level'] + of_clinics %}
    labeled.{{ column }},
    {%- endfor %}
    {%- if clients %}
    labeled.{{ clients }} as n_clients,
    {%- endif %}
    {%- if therapists %}
    labeled.n_therapists,
    {%- endif %}
    labeled.{{ episodes }} as n_episodes,
    cast(exclusions.candidate_count - {{ used }} as bigint) as n_excluded,
    {{ reasons or cf_reasons_in_words(used, rest) }} as exclusion_reasons,
    labeled.precision_label,
    labeled.reason as not_estimable_reason,
    {{ cf_benchmark_columns(why_no_benchmark) }},
    {{ cf_definition_version() }} as definition_version,
    {%- if caution %}
    '{{ caution }}' as caution,
    {%- endif %}
    extract_dates.extract_date

from labeled

inner join exclusions
    on
        labeled.scope_level = exclusions.scope_level
        and labeled.scope_id = exclusions.scope_id
        {%- for column in by %}
        and labeled.{{ column }} = exclusions.{{ column }}
        {%- endfor %}

cross join {{ ref('int_cf_extract_date') }} as extract_dates

left join {{ ref('benchmarks') }} as benchmarks
    on
        benchmarks.evidence = 'verified'
        and {{ benchmark }}
{%- endmacro %}
