{# What the cf_ tables share: scopes, exclusions in words, suppression, and the benchmark beside. #}

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

{# A count as text; 1 to small_number - 1 is never printed exactly. #}
{% macro cf_count_in_words(count) -%}
    case
        when {{ count }} between 1 and {{ var('small_number', 11) - 1 }}
            then 'fewer than {{ var('small_number', 11) }}'
        else cast({{ count }} as {{ dbt.type_string() }})
    end
{%- endmacro %}

{# A count of clients that may be printed, else NULL. #}
{% macro cf_visible_count(count) -%}
    case when {{ count }} >= {{ var('small_number', 11) }} then {{ count }} end
{%- endmacro %}

{# Candidates less those used; NULL where either side of the subtraction is a small number. #}
{% macro cf_excluded_count(candidate_count, used_count) -%}
    case
        when
            {{ used_count }} >= {{ var('small_number', 11) }}
            and not (
                {{ candidate_count }} - {{ used_count }}
                between 1 and {{ var('small_number', 11) - 1 }}
            )
            then cast({{ candidate_count }} - {{ used_count }} as bigint)
    end
{%- endmacro %}

{#
    CTEs that say, per scope and `by` columns, how many candidate episodes there are and why some
    were left out. `candidates` has one row per episode with exclusion_reason (NULL = used).
#}
{% macro cf_exclusions(candidates, by=[]) -%}
{%- set keys = ['scope_level', 'scope_id'] + by -%}
scoped_candidates as (

    {{ cf_scoped(candidates) }}

),

reason_counts as (

    select
        {{ keys | join(',\n        ') }},
        exclusion_reason,
        count(*) as reason_count

    from scoped_candidates

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
            "exclusion_reason || ': ' || " ~ cf_count_in_words('reason_count'),
            'reason_count desc, exclusion_reason',
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
                    then '{{ rest }}: '
                    || {{ cf_count_in_words('(exclusions.usable_count - ' ~ n_used ~ ')') }}
            end
        ),
        ''
    )
{%- endmacro %}

{# The benchmark columns; only a verified one may stand beside an estimate. #}
{% macro cf_benchmark_columns() -%}
        benchmarks.value as benchmark_value,
        benchmarks.ci_low as benchmark_ci_low,
        benchmarks.ci_high as benchmark_ci_high,
        benchmarks.source as benchmark_source,
        benchmarks.is_comparable as benchmark_is_comparable,
        benchmarks.why_not as benchmark_why_not
{%- endmacro %}

{% macro cf_definition_version() -%}
    '{{ var('cf_definition_version', '1') }}'
{%- endmacro %}

{#
    The end of a cf_ table: `exclusions`, `shown` and the closing select. The model's CTE `labeled`
    holds its estimates with precision_label, `candidates` the episodes they could be made from;
    the call's body lists the columns that only this table has.

    by: columns of both that tell the candidates of one row. hidden: columns that a suppressed row
    does not show, beside estimate and interval. benchmark: SQL that finds the published number to
    stand beside it. clients, episodes: columns with the number of each. used: how many candidates
    are not left out, if not the episodes. rest: what became of usable candidates that a row does not
    use. caution: in words; without it a column of the body. reasons, therapists, reason: SQL of these
    columns.
#}
{% macro cf_mart(
    benchmark, caution=none, by=[], hidden=[], clients='n_clients', episodes='n_clients', used=none,
    rest='other instruments', reasons=none, therapists='shown.n_therapists', reason='shown.reason'
) -%}
{%- set used = 'shown.' ~ (used or episodes) -%}
{{ cf_exclusions('candidates', by) }},

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    {{ caller() | trim }}
    {%- for column in ['estimate', 'ci_low', 'ci_high'] + hidden %}
    case when shown.is_shown then shown.{{ column }} end as {{ column }},
    {%- endfor %}
    shown.ci_level,
    shown.pooling,
    {%- for column in ['n_clinics', 'tau', 'i_squared_percent', 'prediction_low', 'prediction_high', 'clinics_disagree'] %}
    case when shown.is_shown then shown.{{ column }} end as {{ column }},
    {%- endfor %}
    {%- if clients %}
    {{ cf_visible_count('shown.' ~ clients) }} as n_clients,
    {%- endif %}
    {%- if therapists %}
    {{ therapists }} as n_therapists,
    {%- endif %}
    {{ cf_visible_count('shown.' ~ episodes) }} as n_episodes,
    {{ cf_excluded_count('exclusions.candidate_count', used) }} as n_excluded,
    {{ reasons or cf_reasons_in_words(used, rest) }} as exclusion_reasons,
    shown.precision_label,
    {{ reason }} as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    {%- if caution %}
    '{{ caution }}' as caution,
    {%- endif %}
    extract_dates.extract_date

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        {%- for column in by %}
        and shown.{{ column }} = exclusions.{{ column }}
        {%- endfor %}

cross join {{ ref('int_cf_extract_date') }} as extract_dates

left join {{ ref('benchmarks') }} as benchmarks
    on
        benchmarks.evidence = 'verified'
        and {{ benchmark }}
{%- endmacro %}
