{#
    One row per pair of neighboring sessions n and n+1 of a series that both have a score, judged
    by the three criteria of Tang & DeRubeis (1999) as the R package suddengains states them
    (docs/adr/0006):

    1. change >= cutoff
    2. change >= 25 % of the score at n
    3. mean of n-2..n minus mean of n+1..n+3 > t * sqrt(pooled variance), with t for n1+n2-2
       degrees of freedom and, as in the package, without the factor sqrt(1/n1 + 1/n2)

    Generic: it reads only series_key, position, value (may be NULL), direction (-1 = lower is
    better), score_min, score_max and cutoff of the series, whose positions have no holes.
    Severity is the value where lower is better and score_min + score_max - value where higher
    is. Criterion 3 is NULL with fewer than two scores on a side, and so is is_detected.

    Of a sudden gain or loss, what became of it: a gain is reversed when any later score, two
    sessions after n or more, gives back more than half of it; a loss when any later score takes
    back more than half. The total change is NULL when the first or the last session has no score.
#}

{{ config(materialized = 'view') }}

{% set before = ['before_0', 'before_1', 'before_2'] %}
{% set after = ['after_1', 'after_2', 'after_3'] %}

with

series as (

    select * from {{ ref('int_gain_series') }}

),

quantiles as (

    select * from {{ ref('int_quantiles') }}

),

turned as (

    select
        series_key,
        position,
        cutoff,
        direction,
        score_min + score_max as turn,
        case when direction < 0 then value else score_min + score_max - value end as before_0

    from series

),

neighbors as (

    select
        turned.*,
        lag(before_0, 1) over by_position as before_1,
        lag(before_0, 2) over by_position as before_2,
        lead(before_0, 1) over by_position as after_1,
        lead(before_0, 2) over by_position as after_2,
        lead(before_0, 3) over by_position as after_3,
        max(before_0) over later as worst_later,
        min(before_0) over later as best_later,
        first_value(before_0) over whole - last_value(before_0) over whole as total_change

    from turned

    window
        by_position as (partition by series_key order by position),
        whole as (
            partition by series_key
            order by position
            rows between unbounded preceding and unbounded following
        ),
        later as (
            partition by series_key
            order by position
            rows between 2 following and unbounded following
        )

),

sides as (

    select
        neighbors.*,
        before_0 - after_1 as fall,
        {% for side, scores in [('before', before), ('after', after)] %}
            {% for score in scores %}
                case when {{ score }} is null then 0 else 1 end{{ ' +' if not loop.last }}
            {% endfor %} as {{ side }}_count,
            {% for score in scores %}
                coalesce({{ score }}, 0){{ ' +' if not loop.last }}
            {% endfor %} as {{ side }}_sum{{ ',' if not loop.last }}
        {% endfor %}

    from neighbors

    where
        before_0 is not null
        and after_1 is not null

),

means as (

    select
        sides.*,
        before_sum / before_count as before_mean,
        after_sum / after_count as after_mean

    from sides

),

spreads as (

    select
        means.*,
        {% for side, scores in [('before', before), ('after', after)] %}
            {% for score in scores %}
                coalesce(
                    ({{ score }} - {{ side }}_mean) * ({{ score }} - {{ side }}_mean), 0
                ){{ ' +' if not loop.last }}
            {% endfor %} as {{ side }}_squares,
        {% endfor %}
        case
            when means.before_count >= 2 and means.after_count >= 2 then quantiles.quantile
        end as t_critical

    from means

    left join quantiles on means.before_count + means.after_count - 2 = quantiles.freedom

),

{# A loss is a gain in the mirror; the package's second criterion for losses is always met. #}
judged as (

    select
        spreads.*,
        case when fall > 0 then 'gain' when fall < 0 then 'loss' end as kind,
        round(abs(fall), 9) >= round(cutoff, 9) as is_large,
        round(abs(fall), 9) >= round(0.25 * before_0, 9) as is_relatively_large,
        sign(fall) * (before_mean - after_mean)
        > t_critical * sqrt(
            (before_squares + after_squares) / (before_count + after_count - 2)
        ) as is_stable

    from spreads

),

decided as (

    select
        *,
        after_1 + fall / 2 as reversal_severity,
        case
            when cutoff is not null and t_critical is not null
                then fall <> 0 and is_large and is_relatively_large and is_stable
        end as is_detected

    from judged

)

select
    *,
    case
        when is_detected and fall > 0 then worst_later > reversal_severity
        when is_detected then best_later < reversal_severity
    end as is_reversed

from decided
