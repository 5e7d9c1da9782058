{#
    First and last score of every outcome instrument an episode was followed with, by the client or
    by a parent or carer, and its trend over all of them: the slope per form times the root of the
    forms' sum of squares, in points. Of two scores that is their difference over the root of 2.
    `pre_version` and `post_version` are those whose cut-offs judge them.
#}

with

scores as (

    select * from {{ ref('int_followed_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

unordered as (

    select * from {{ ref('int_unordered_episodes') }}

),

forms as (

    select
        scores.episode_key,
        scores.instrument_id,
        scores.version,
        scores.own_version,
        scores.rater,
        scores.response_key,
        scores.completed_at,
        scores.score,
        cast(dense_rank() over (
            partition by
                scores.episode_key, scores.instrument_id, scores.version, scores.rater
            order by scores.completed_at
        ) as double) as occasion,
        not coalesce(scores.is_prorated, false) as is_whole

    from scores

    inner join scales
        on
            scores.instrument_id = scales.instrument_id
            and scores.version = scales.version
            and scores.rater = scales.rater
            and scores.scale = scales.scale

    {{ anti_join() }} unordered on scores.episode_key = unordered.episode_key

    where
        scores.rater in ('client', 'observer')
        and scales.family = 'outcome'
        and scales.is_primary
        and scores.score is not null
        and scores.episode_key is not null

),

measured as (

    select
        episode_key,
        instrument_id,
        version,
        rater,
        {{ count_in_time('completed_at') }} as n_scores,
        min(completed_at) as pre_at,
        max(completed_at) as post_at,
        {{ count_in_time('completed_at', 'is_whole') }} as n_whole_scores,
        {{ first_by('score', 'completed_at', 'response_key') }}
        filter (where is_whole) as whole_score_pre,
        {{ last_by('score', 'completed_at', 'response_key') }}
        filter (where is_whole) as whole_score_post,
        {{ first_by('score', 'completed_at', 'response_key') }} as score_pre,
        {{ last_by('score', 'completed_at', 'response_key') }} as score_post,
        {{ first_by('own_version', 'completed_at', 'response_key') }} as pre_version,
        {{ last_by('own_version', 'completed_at', 'response_key') }} as post_version,
        sqrt(count(*)) * covar_pop(score, occasion) / nullif(stddev_pop(occasion), 0)
            as score_trend,
        {{ first_by('response_key', 'completed_at', 'response_key') }} as pre_response_key,
        {{ last_by('response_key', 'completed_at', 'response_key') }} as post_response_key

    from forms

    group by
        episode_key,
        instrument_id,
        version,
        rater

)

select * from measured
