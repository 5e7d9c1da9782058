{#
    One row per series: an episode and an outcome instrument in which sudden gains are looked for.
    The cut-off is the registry's reliable change in points, or the row sudden_gain of
    config/detectors.csv.
#}

with

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

forms as (

    select * from {{ ref('int_gain_forms') }}

),

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

),

followed as (

    select
        episode_key as series_key,
        episode_key,
        instrument_id,
        version,
        true as is_primary_outcome

    from episode_instruments

    where
        role = 'outcome'
        and rater = 'client'

    union all

    select distinct
        {{ key_of('series', ['episode_key', 'instrument_id', 'version']) }} as series_key,
        episode_key,
        instrument_id,
        version,
        false as is_primary_outcome

    from forms

)

select
    followed.series_key,
    followed.episode_key,
    followed.is_primary_outcome,
    cutoffs.*

from followed

inner join cutoffs
    on
        followed.instrument_id = cutoffs.instrument_id
        and followed.version = cutoffs.version

where cutoffs.cutoff > 0
