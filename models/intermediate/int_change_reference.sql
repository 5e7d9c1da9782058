{#
    The reference sample a change method falls back on where the registry has no norms: first and
    last scores of the ended episodes of all clinics. A version that only begins or ends courses of
    another one is in use as well, without a sample.
#}

with

measures as (

    select * from {{ ref('int_episode_measures') }}

),

courses as (

    select
        episode_key,
        course_status

    from {{ ref('int_episode_course') }}

),

in_use as (

    {% for column in ['version', 'pre_version', 'post_version'] %}
    select
        instrument_id,
        {{ column }} as version,
        rater

    from measures

    {% if not loop.last %}union distinct{% endif %}

    {% endfor %}

),

first_scores as (

    select
        instrument_id,
        version,
        rater,
        count(*) as n_first_scores,
        stddev_samp(score_pre) as sd_of_first_scores

    from measures

    group by
        instrument_id,
        version,
        rater

),

pairs as (

    select
        measures.instrument_id,
        measures.version,
        measures.rater,
        count(*) as n_pairs,
        avg(measures.score_pre) as mean_pre,
        avg(measures.score_post) as mean_post,
        stddev_samp(measures.score_pre) as sd_pre,
        stddev_samp(measures.score_post) as sd_post,
        covar_samp(measures.score_pre, measures.score_post) as covariance

    from measures

    inner join courses on measures.episode_key = courses.episode_key

    where
        measures.n_scores >= 2
        and courses.course_status <> 'open'

    group by
        measures.instrument_id,
        measures.version,
        measures.rater

)

select
    in_use.instrument_id,
    in_use.version,
    in_use.rater,
    first_scores.sd_of_first_scores,
    pairs.mean_pre,
    pairs.mean_post,
    pairs.sd_pre,
    pairs.sd_post,
    coalesce(pairs.n_pairs, 0) as n_pairs,
    pairs.covariance / nullif(pairs.sd_pre * pairs.sd_post, 0) as correlation

from in_use

left join first_scores
    on
        in_use.instrument_id = first_scores.instrument_id
        and in_use.version = first_scores.version
        and in_use.rater = first_scores.rater

left join pairs
    on
        in_use.instrument_id = pairs.instrument_id
        and in_use.version = pairs.version
        and in_use.rater = pairs.rater
