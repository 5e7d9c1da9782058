{#
    One row per form and detector that applies to it, with what the detector needs of all clients
    who fill in the form. A detector's row for one instrument takes the place of its row for any.
#}

with

series as (

    select * from {{ ref('int_rupture_series') }}

),

detectors as (

    select * from {{ ref('detectors') }}

),

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
        stddev_samp(first_value) as sd_first_ratings,
        max(rc_value) as rc_value,
        max(rc_operator) as rc_operator,
        max(reliability) as reliability

    from series

    group by
        instrument_id,
        version,
        family

),

ranked as (

    select
        detectors.detector,
        detectors.kind,
        detectors.threshold_sd,
        detectors.threshold_points,
        detectors.threshold_operator,
        detectors.item_threshold,
        detectors.item_operator,
        detectors.baseline_sessions,
        detectors.limit_constant,
        detectors.confidence_z,
        detectors.reference_episodes,
        detectors.min_ratings,
        detectors.sd_min_ratings,
        detectors.repair_share,
        detectors.strict_repair_sd,
        detectors.resolved_from,
        detectors.evidence,
        forms.*,
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

form_rules as (

    select
        *,
        kind = 'drop_reliable'
        and coalesce(rc_operator, threshold_operator) = '>' as is_more_needed,
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
        end as reliable_points

    from ranked

    where choice_number = 1

)

select * from form_rules
