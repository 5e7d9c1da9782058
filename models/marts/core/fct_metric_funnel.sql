{% set lines = [
    (1, 'treated', 'stage'),
    (2, 'treatment not ended', 'excluded'),
    (3, 'ended before the period', 'excluded'),
    (4, 'in period', 'stage'),
    (5, 'fewer than two attended sessions', 'excluded'),
    (6, 'not measured twice', 'excluded'),
    (7, 'no cut-off or reliable change', 'excluded'),
    (8, 'not a case at the start', 'excluded'),
    (9, 'included', 'stage'),
    (10, 'no success', 'result'),
    (11, 'success', 'result'),
] %}

with

fates as (

    select * from {{ ref('int_metric_funnel') }}

),

scoped as (

    {{ cf_scoped('fates') }}

),

lines as (

    {% for number, line, kind in lines %}
    select
        {{ number }} as line_number,
        '{{ line }}' as line,
        '{{ kind }}' as kind
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

{# Every line in every funnel, also with nobody in it: a funnel without a line does not add up. #}
funnels as (

    select distinct
        scope_level,
        scope_id,
        metric

    from scoped

),

counted as (

    select
        funnels.scope_level,
        funnels.scope_id,
        funnels.metric,
        lines.line_number,
        lines.line,
        lines.kind,
        count(scoped.episode_key) as n_episodes

    from funnels

    cross join lines

    left join scoped
        on
            funnels.scope_level = scoped.scope_level
            and funnels.scope_id = scoped.scope_id
            and funnels.metric = scoped.metric
            and (
                lines.line = scoped.fate
                or lines.line = 'treated'
                or (
                    lines.line = 'in period'
                    and scoped.fate not in ('treatment not ended', 'ended before the period')
                )
                or (lines.line = 'included' and scoped.fate in ('success', 'no success'))
            )

    group by
        funnels.scope_level,
        funnels.scope_id,
        funnels.metric,
        lines.line_number,
        lines.line,
        lines.kind

)

select
    scope_level,
    scope_id,
    metric,
    cast(line_number as bigint) as line_number,
    line,
    kind,
    n_episodes,
    n_episodes between 1 and 10 as is_small

from counted
