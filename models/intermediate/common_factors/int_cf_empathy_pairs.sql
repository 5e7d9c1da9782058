{#
    Clients whose empathy two raters, or two forms, judged beside the same outcome: both are set
    beside the last score, so where both are usable y is one.
#}

with

candidates as (

    select *
    from {{ ref('int_cf_measure_candidates') }}
    where table_name = 'cf_empathy_outcome' and exclusion_reason is null

),

pairs as (

    select
        ones.clinic_id,
        ones.clinic_group,
        ones.rater,
        ones.instrument_id,
        ones.version,
        others.rater as compared_rater,
        others.instrument_id as compared_instrument_id,
        others.version as compared_version,
        ones.target_instrument_id,
        ones.therapist_code,
        ones.x as x_one,
        others.x as x_other,
        ones.y,
        ones.given

    from candidates as ones

    inner join candidates as others
        on
            ones.episode_key = others.episode_key
            and (ones.rater, ones.instrument_id, ones.version)
            < (others.rater, others.instrument_id, others.version)

)

select
    pairs.*,
    dense_rank() over (
        order by
            clinic_id, rater, instrument_id, version, compared_rater, compared_instrument_id,
            compared_version, target_instrument_id
    ) - 1 as stratum

from pairs
