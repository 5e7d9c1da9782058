{#
    Complementary suppression (domain 4.20), after a cf_ table has been built.

    A hidden count is given away when a total that is shown less the clinics that are shown leaves
    1 to small_number - 1. Then the next smallest count of the same sum is hidden as well, never a
    zero, and with it what could be computed back from that row: estimate, interval, shares.

    Clinics of a group whose total is shown make one sum; all other clinics, together with the
    overall total less the groups that are shown, make another. Where that last sum has no other
    clinic to hide, the smallest group and its smallest clinic are hidden.

    Looks only at the finished table, as a reader would. Rule P06 checks the result by row space.
#}
{% macro cf_hide_complements(relation) -%}
    {%- set clinics = ref('stg_lake__clinics') -%}
    {%- if execute -%}
        {%- set columns = adapter.get_columns_in_relation(relation) -%}
        {%- set names = columns | map(attribute='name') | list -%}
        {%- set counts = [] -%}
        {%- for name in names if name.startswith('n_') and not name.startswith(('n_therapists', 'n_modalities')) -%}
            {%- do counts.append(name) -%}
        {%- endfor -%}
        {# A number that every row must have is a setting, not a result. #}
        {%- set settings = [] -%}
        {%- for name, column in model.columns.items() -%}
            {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
                {%- do settings.append(name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set persons = ['client_key', 'episode_key', 'therapist_key'] | select('in', names) | list -%}
        {%- if 'scope_level' in names and counts and not persons -%}
            {{ cf_update_complements(relation, clinics, columns, counts, settings) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro cf_update_complements(relation, clinics, columns, counts, settings) -%}
    {# What tells the cells of a table apart: text and whole numbers, but for words about a cell. #}
    {%- set words = [
        'caution', 'confounding', 'definition_version', 'evidence', 'exclusion_reasons',
        'interval_from', 'is_boundary', 'model', 'not_estimable_reason', 'precision_label',
        'reason', 'scope_id', 'scope_level', 'standing', 'unit', 'verdict', 'verdict_at_24',
        'verdict_at_30',
    ] -%}
    {%- set keys = [] -%}
    {%- for column in columns -%}
        {%- set kind = column.dtype | lower -%}
        {%- set is_discrete = 'char' in kind or kind in ('boolean', 'bigint', 'integer', 'string') -%}
        {%- if is_discrete and column.name not in words and not column.name.startswith(('n_', 'benchmark_')) -%}
            {%- do keys.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set listed = keys | join(', ') ~ (', ' if keys else '') -%}
    {%- set smallest = var('small_number', 11) -%}
    {%- set names = columns | map(attribute='name') | list -%}
    with

    counts as (

        {% for count in counts %}
        select
            {{ listed }}scope_level, scope_id,
            '{{ count }}' as count_name,
            cast({{ count }} as double) as n
        from {{ relation }}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}

    ),

    cells as (

        select
            counts.*,
            case counts.scope_level
                when 'clinic' then clinics.clinic_group
                when 'group' then counts.scope_id
            end as cell_group

        from counts

        left join {{ clinics }} as clinics
            on counts.scope_level = 'clinic' and counts.scope_id = clinics.clinic_id

    ),

    totaled as (

        select
            *,
            max(case when scope_level = 'group' then n end)
                over (partition by {{ listed }}count_name, cell_group) as group_total,
            sum(case when scope_level = 'group' then n end)
                over (partition by {{ listed }}count_name) as groups_total,
            max(case when scope_level = 'overall' then n end)
                over (partition by {{ listed }}count_name) as overall_total

        from cells

    ),

    {# One sum per group that is shown; NULL names the sum of all other clinics. #}
    summed as (

        select
            *,
            case when group_total is not null then cell_group end as block,
            case
                when group_total is not null then group_total
                else overall_total - coalesce(groups_total, 0)
            end as block_total

        from totaled

        where scope_level = 'clinic'

    ),

    placed as (

        select
            *,
            sum(case when n is null then 1 else 0 end)
                over (partition by {{ listed }}count_name, block) as hidden_count,
            block_total - coalesce(sum(n) over (partition by {{ listed }}count_name, block), 0)
                as hidden_sum,
            row_number() over (
                partition by {{ listed }}count_name, block
                order by case when coalesce(n, 0) = 0 then 1 else 0 end, n, scope_id
            ) as place

        from summed

    ),

    judged as (

        select
            *,
            hidden_count > 0 and round(hidden_sum) between 1 and {{ smallest - 1 }} as is_given_away,
            place = 1 and coalesce(n, 0) > 0 as is_next_smallest

        from placed

    ),

    {# The sum outside the groups gives a count away and has no other clinic to hide. #}
    stranded as (

        select {{ listed }}count_name
        from judged
        where block is null and is_given_away and place = 1 and not is_next_smallest

    ),

    smallest_groups as (

        select {{ listed }}count_name, scope_id, cell_group
        from (
            select
                *,
                row_number() over (
                    partition by {{ listed }}count_name order by n, scope_id
                ) as place
            from totaled
            where scope_level = 'group' and n > 0
        ) as ranked
        where place = 1

    ),

    hidden_groups as (

        select smallest_groups.*
        from smallest_groups
        inner join stranded
            on {{ cf_same_cell(keys, 'smallest_groups', 'stranded') }}
                smallest_groups.count_name = stranded.count_name

    ),

    hidden as (

        select {{ listed }}scope_level, scope_id, count_name
        from judged
        where is_given_away and is_next_smallest

        union all

        select {{ listed }}'group' as scope_level, scope_id, count_name
        from hidden_groups

        union all

        select
            {% for key in keys %}judged.{{ key }}, {% endfor %}
            judged.scope_level, judged.scope_id, judged.count_name
        from judged
        inner join hidden_groups
            on {{ cf_same_cell(keys, 'judged', 'hidden_groups') }}
                judged.count_name = hidden_groups.count_name
                and judged.block = hidden_groups.cell_group
        where judged.is_next_smallest

    ),

    hides as (

        select
            {{ listed }}scope_level, scope_id,
            {% for count in counts %}
            max(case when count_name = '{{ count }}' then 1 else 0 end) as hides_{{ count }},
            {% endfor %}
            max(case when count_name <> 'n_excluded' then 1 else 0 end) as hides_estimate
        from hidden
        group by {{ listed }}scope_level, scope_id

    )

    update {{ relation }} as shown
    set
        {% for column in columns if column.name not in counts %}
        {% if column.name.startswith('verdict') or ('double' in (column.dtype | lower)
            and column.name not in settings and not column.name.startswith('benchmark_')) %}
        {{ column.name }} = case when hides_estimate = 1 then null else shown.{{ column.name }} end,
        {% endif %}
        {% endfor %}
        {% if 'precision_label' in names %}
        precision_label = case when hides_estimate = 1 then 'suppressed' else shown.precision_label end,
        {% endif %}
        {% for count in counts %}
        {{ count }} = case when hides_{{ count }} = 1 then null else shown.{{ count }} end{{ ',' if not loop.last }}
        {% endfor %}
    from hides
    where
        {{ cf_same_cell(keys, 'shown', 'hides') }}
        shown.scope_level = hides.scope_level and shown.scope_id = hides.scope_id
{%- endmacro %}

{# `a.key is not distinct from b.key and ` for every key. #}
{% macro cf_same_cell(keys, one, other) -%}
    {%- for key in keys -%}
        {{ one }}.{{ key }} is not distinct from {{ other }}.{{ key }} and {% endfor -%}
{%- endmacro %}
