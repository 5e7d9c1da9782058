{# Sums of clients' own first and last scores of ended courses with at least two attended sessions. #}

with

measures as (

    select * from {{ ref('int_episode_measures') }}

    where
        n_scores >= 2
        and rater = 'client'

),

episodes as (

    select
        clinic_id,
        clinic_group,
        episode_key

    from {{ ref('int_cf_outcome_candidates') }}

    where exclusion_reason is null

),

scales as (

    select
        instrument_id,
        version,
        direction

    from {{ ref('int_scales') }}

    where
        rater = 'client'
        and family = 'outcome'
        and is_primary

)

select
    episodes.clinic_id,
    episodes.clinic_group,
    measures.instrument_id,
    measures.version,
    scales.direction,
    count(*) as n_pairs,
    sum(measures.score_pre) as sum_pre,
    sum(measures.score_post) as sum_post,
    sum(measures.score_pre * measures.score_pre) as sum_pre_pre,
    sum(measures.score_post * measures.score_post) as sum_post_post,
    sum(measures.score_pre * measures.score_post) as sum_pre_post

from measures

inner join episodes on measures.episode_key = episodes.episode_key

inner join scales
    on
        measures.instrument_id = scales.instrument_id
        and measures.version = scales.version

group by
    episodes.clinic_id,
    episodes.clinic_group,
    measures.instrument_id,
    measures.version,
    scales.direction
