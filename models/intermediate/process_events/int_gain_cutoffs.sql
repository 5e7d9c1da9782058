{#
    Outcome scales in which sudden gains are looked for. The cut-off is the registry's reliable
    change in points, or the row sudden_gain of config/detectors.csv.
#}

{{ config(materialized = 'view') }}

with

scales as (

    select * from {{ ref('int_scales') }}

),

detectors as (

    select * from {{ ref('detectors') }}

),

overrides as (

    select
        instrument_id,
        version,
        threshold_points

    from detectors

    where detector = 'sudden_gain'

),

cutoffs as (

    select
        scales.instrument_id,
        scales.version,
        scales.rater,
        scales.scale,
        scales.direction,
        scales.score_min,
        scales.score_max,
        coalesce(overrides.threshold_points, scales.rc_value) as cutoff,
        case when overrides.threshold_points is null then 'registry' else 'override' end
            as cutoff_source

    from scales

    left join overrides
        on
            scales.instrument_id = overrides.instrument_id
            and scales.version = overrides.version

    where
        scales.family = 'outcome'
        and scales.rater = 'client'
        and scales.is_primary

)

select *
from cutoffs
where cutoff > 0
