with

measures as (

    select * from {{ ref('int_episode_measures') }}

    where n_scores >= 2

),

methods as (

    select * from {{ ref('dim_change_methods') }}

    where is_usable

),

episodes as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        client_key,
        course_status

    from {{ ref('fct_episodes') }}

),

chosen as (

    select
        episode_key,
        instrument_id,
        version,
        rater

    from {{ ref('int_episode_instruments') }}

    where role = 'outcome'

),

indexed as (

    select
        measures.*,
        methods.method,
        methods.direction,
        methods.critical,
        methods.operator,
        {{ compare('measures.score_pre', 'at_start.start_operator', 'at_start.start_cutoff') }}
            as is_case_at_start,
        {{ compare('measures.score_post', 'at_end.end_operator', 'at_end.end_cutoff') }}
            as is_case_at_end,
        methods.direction * case
            when methods.basis = 'all_scores' then methods.post_weight * measures.score_trend
            else
                methods.post_weight * measures.score_post
                + methods.pre_weight * measures.score_pre
                + methods.constant
        end
        / case when methods.basis = 'first_score' then nullif(measures.score_pre, 0) else 1 end
            as change_index

    from measures

    inner join methods
        on
            measures.instrument_id = methods.instrument_id
            and measures.version = methods.version
            and measures.rater = methods.rater

    {# A bridged course begins on another version: each score against the range of its own form. #}
    {% for form, version in [('at_start', 'pre_version'), ('at_end', 'post_version')] %}
    left join methods as {{ form }}
        on
            measures.instrument_id = {{ form }}.instrument_id
            and measures.{{ version }} = {{ form }}.version
            and measures.rater = {{ form }}.rater
            and methods.method = {{ form }}.method
    {% endfor %}

),

judged as (

    select
        *,
        {{ compare('change_index', 'operator', 'critical') }} as is_reliably_improved,
        {{ compare('-change_index', 'operator', 'critical') }} as is_reliably_deteriorated

    from indexed

),

classified as (

    select
        *,
        {{ change_class() }} as change_class

    from judged

)

select
    episodes.clinic_id,
    episodes.clinic_group,
    episodes.episode_key,
    episodes.client_key,
    episodes.course_status,
    classified.instrument_id,
    classified.version,
    classified.rater,
    classified.method,
    coalesce(
        classified.instrument_id = chosen.instrument_id
        and classified.version = chosen.version
        and classified.rater = chosen.rater,
        false
    ) as is_primary_outcome,
    classified.n_scores,
    classified.score_pre,
    classified.score_post,
    classified.pre_at,
    classified.post_at,
    classified.pre_response_key,
    classified.post_response_key,
    classified.direction * (classified.score_post - classified.score_pre) as improvement,
    classified.change_index,
    classified.is_case_at_start,
    classified.is_case_at_end,
    classified.is_reliably_improved,
    classified.is_reliably_deteriorated,
    classified.change_class

from classified

inner join episodes on classified.episode_key = episodes.episode_key

left join chosen on classified.episode_key = chosen.episode_key
