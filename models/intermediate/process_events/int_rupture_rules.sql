{#
    One row per series and detector that applies to its form: how the ratings spread and whether
    they run high-low-high, what the detector needs here, or why it cannot judge. A detector's row
    for one instrument takes the place of its row for any.

    The SD is the larger of the SD within this client and the SD between sessions pooled over all
    clients with the same form (Gumz et al. 2012: the stricter one). A U shape is a quadratic term
    above 0 in the least-squares parabola of the ratings over the session numbers, from eight
    ratings on; turning_position is where that parabola is lowest.
#}

{% set min_ratings = var('u_shape_min_ratings', 8) %}
{% set of_detector = [
    'detector', 'kind', 'threshold_sd', 'threshold_points', 'threshold_operator', 'item_threshold',
    'item_operator', 'baseline_sessions', 'limit_constant', 'confidence_z', 'reference_episodes',
    'min_ratings', 'sd_min_ratings', 'repair_share', 'strict_repair_sd', 'resolved_from', 'evidence',
] %}

with

ratings as (

    select * from {{ ref('int_rupture_ratings') }}

),

rupture_keys as (

    select * from {{ ref('int_rupture_keys') }}

),

detectors as (

    select * from {{ ref('detectors') }}

),

chart as (

    select min(baseline_sessions) as baseline_sessions
    from detectors
    where kind = 'control_chart'

),

numbered as (

    select
        ratings.*,
        cast(ratings.position as double) as x,
        ratings.range_count >= chart.baseline_sessions - 1
        and ratings.mean_range > 0 as has_baseline

    from ratings

    cross join chart

),

sums as (

    select
        series_key,
        count(*) as rating_count,
        count(fall) as pair_count,
        sum(case when has_baseline then 1 else 0 end) as chart_count,
        avg(value) as mean_value,
        sqrt(var_samp(value)) as sd_within,
        max(case when baseline_count = 0 then value end) as first_value,
        sum(x) as x1,
        sum(x * x) as x2,
        sum(x * x * x) as x3,
        sum(x * x * x * x) as x4,
        sum(x * value) as x1y,
        sum(x * x * value) as x2y,
        sum(value) as y

    from numbered

    group by series_key

),

centered as (

    select
        *,
        x2 - x1 * x1 / rating_count as s11,
        x3 - x1 * x2 / rating_count as s12,
        x4 - 1.0 * x2 * x2 / rating_count as s22,
        x1y - x1 * y / rating_count as s1y,
        x2y - x2 * y / rating_count as s2y

    from sums

),

shaped as (

    select
        *,
        case
            when rating_count >= {{ min_ratings }}
                then (s11 * s2y - s12 * s1y) / nullif(s11 * s22 - s12 * s12, 0)
        end as quadratic,
        (s22 * s1y - s12 * s2y) / nullif(s11 * s22 - s12 * s12, 0) as linear

    from centered

),

series as (

    select
        rupture_keys.*,
        shaped.rating_count,
        shaped.pair_count,
        shaped.chart_count,
        {{ pomp('shaped.mean_value', 'rupture_keys.score_min', 'rupture_keys.score_max') }}
            as mean_pomp,
        shaped.sd_within,
        shaped.first_value,
        shaped.quadratic,
        round(shaped.quadratic, 9) > 0 as is_u_shape,
        case
            when round(shaped.quadratic, 9) > 0 then -shaped.linear / (2 * shaped.quadratic)
        end as turning_position

    from shaped

    inner join rupture_keys on shaped.series_key = rupture_keys.series_key

),

{# What a detector needs of all clients who fill in the form. #}

forms as (

    select
        instrument_id,
        version,
        family,
        sqrt(
            sum((rating_count - 1) * sd_within * sd_within)
            / nullif(sum(case when sd_within is not null then rating_count - 1 end), 0)
        ) as sd_pooled,
        count(first_value) as first_rating_count,
        stddev_samp(first_value) as sd_first_ratings

    from series

    group by
        instrument_id,
        version,
        family

),

form_rules as (

    select
        forms.*,
        {% for column in of_detector %}
            detectors.{{ column }},
        {% endfor %}
        row_number() over (
            partition by detectors.detector, forms.instrument_id, forms.version
            order by
                case when detectors.instrument_id is null then 1 else 0 end,
                case when detectors.version is null then 1 else 0 end
        ) as choice_number

    from forms

    inner join detectors
        on
            forms.family = detectors.family
            and coalesce(detectors.instrument_id, forms.instrument_id) = forms.instrument_id
            and coalesce(detectors.version, forms.version) = forms.version

),

applied as (

    select
        series.*,
        {% for column in of_detector %}
            form_rules.{{ column }},
        {% endfor %}
        form_rules.sd_pooled,
        form_rules.first_rating_count,
        form_rules.sd_first_ratings,
        series.family = 'alliance'
        and round(series.mean_pomp, 9) >= {{ var('alliance_ceiling_pomp', 95) }}
            as is_ceiling_limited,
        nullif(greatest(series.sd_within, form_rules.sd_pooled), 0) as sd_used,
        form_rules.kind = 'drop_reliable'
        and coalesce(series.rc_operator, form_rules.threshold_operator) = '>' as is_more_needed

    from series

    inner join form_rules
        on
            series.instrument_id = form_rules.instrument_id
            and series.version = form_rules.version
            and form_rules.choice_number = 1

),

needed as (

    select
        *,
        round(
            case
                when kind = 'drop_reliable'
                    then coalesce(
                        rc_value,
                        case
                            when first_rating_count >= reference_episodes
                                then nullif(
                                    confidence_z
                                    * sd_first_ratings
                                    * sqrt(2.0)
                                    * sqrt(1.0 - reliability),
                                    0
                                )
                        end
                    )
                {# What a form says itself needs one of them; an SD needs more. #}
                when rating_count < sd_min_ratings then null
                else threshold_sd * sd_used
            end,
            9
        ) as fall_needed

    from applied

)

select
    *,
    case
        when rating_count < min_ratings then 'fewer than ' || min_ratings || ' ratings'
        when is_ceiling_limited then 'ceiling limited'
        when kind in ('drop_sd', 'drop_reliable') and pair_count = 0
            then 'no two neighboring sessions rated'
        when kind = 'drop_sd' and fall_needed is null then 'ratings do not vary'
        when kind = 'drop_reliable' and rc_value is null and reliability is null
            then 'no reliability in the registry'
        when kind = 'drop_reliable' and fall_needed is null
            then 'fewer than ' || reference_episodes || ' first ratings, or they do not vary'
        when kind = 'control_chart' and chart_count = 0
            then 'no rating after a baseline of ' || baseline_sessions || ' that varies'
    end as not_assessable_reason

from needed
