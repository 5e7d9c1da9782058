{#
    CTEs `together` and `shown` from `labeled` (own_label, n_positive, metric): what must be
    hidden so that no hidden count of a report card follows from those that are shown.

    `metrics` show the cells of one table of flagged by outcome: one hidden for a small count hides all.
    `part` numbers the parts of a metric, 0 the whole: one part hidden hides the next smallest.
#}
{% macro report_card_hidden(keys, part, metrics) -%}
{%- set listed = (keys | join(', ') ~ ', ') if keys else '' -%}
{%- set names = "'" ~ metrics | join("', '") ~ "'" -%}
together as (

    select
        labeled.*,
        case
            when
                metric in ({{ names }})
                and count(*) filter (
                    where own_label = 'suppressed' and estimate is not null
                ) over (partition by {{ listed }}{{ part }}, metric in ({{ names }})) > 0
                then 'suppressed'
            else own_label
        end as joint_label

    from labeled

),

numbered as (

    select
        *,
        count(*) filter (where joint_label = 'suppressed') over (
            partition by {{ listed }}metric, {{ part }} = 0
        ) as n_hidden,
        row_number() over (
            partition by {{ listed }}metric, {{ part }} = 0, joint_label
            order by coalesce(n_positive, n_used), {{ part }}
        ) as smallest_number

    from together

),

shown as (

    select
        *,
        case
            when {{ part }} > 0 and n_hidden = 1 and smallest_number = 1 then 'suppressed'
            else joint_label
        end as precision_label

    from numbered

)
{%- endmacro %}
