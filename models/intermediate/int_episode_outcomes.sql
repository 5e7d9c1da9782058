{#
    First and last score on the instrument an episode's outcome is followed with, and the class of
    the change: Jacobson and Truax (1991), with the registry's thresholds and operators. Each score
    is held against the cut-off of the form it was given on.
#}

with

scores as (

    select * from {{ ref('int_followed_scores') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

    where role = 'outcome'

),

scales as (

    select * from {{ ref('int_scales') }}

),

measured as (

    select
        scores.episode_key,
        {{ count_in_time('scores.completed_at') }} as n_outcome_scores,
        min(scores.completed_at) as outcome_pre_at,
        max(scores.completed_at) as outcome_last_at,
        {{ first_by('scores.score', 'scores.completed_at', 'scores.response_key') }}
            as outcome_pre,
        {{ last_by('scores.score', 'scores.completed_at', 'scores.response_key') }}
            as outcome_last,
        {{ first_by('scores.own_version', 'scores.completed_at', 'scores.response_key') }}
            as outcome_pre_version,
        {{ last_by('scores.own_version', 'scores.completed_at', 'scores.response_key') }}
            as outcome_last_version

    from scores

    inner join episode_instruments
        on
            scores.episode_key = episode_instruments.episode_key
            and scores.instrument_id = episode_instruments.instrument_id
            and scores.version = episode_instruments.version
            and scores.rater = episode_instruments.rater
            and scores.scale = episode_instruments.scale

    where scores.score is not null

    group by scores.episode_key

),

changes as (

    select
        measured.episode_key,
        episode_instruments.instrument_id as outcome_instrument_id,
        episode_instruments.rater as outcome_rater,
        measured.n_outcome_scores,
        measured.outcome_pre,
        measured.outcome_pre_at,
        episode_instruments.direction,
        pre_scales.cutoff_value as pre_cutoff_value,
        pre_scales.cutoff_operator as pre_cutoff_operator,
        last_scales.cutoff_value as last_cutoff_value,
        last_scales.cutoff_operator as last_cutoff_operator,
        episode_instruments.rc_value,
        episode_instruments.rc_operator,
        {# One form is not a first and a last one. #}
        case when measured.n_outcome_scores >= 2 then measured.outcome_last end as outcome_post,
        case
            when measured.n_outcome_scores >= 2 then measured.outcome_last_at
        end as outcome_post_at

    from measured

    inner join episode_instruments on measured.episode_key = episode_instruments.episode_key

    left join scales as pre_scales
        on
            episode_instruments.instrument_id = pre_scales.instrument_id
            and measured.outcome_pre_version = pre_scales.version
            and episode_instruments.rater = pre_scales.rater
            and episode_instruments.scale = pre_scales.scale

    left join scales as last_scales
        on
            episode_instruments.instrument_id = last_scales.instrument_id
            and measured.outcome_last_version = last_scales.version
            and episode_instruments.rater = last_scales.rater
            and episode_instruments.scale = last_scales.scale

),

judged as (

    select
        *,
        direction * (outcome_post - outcome_pre) as improvement,
        {{ compare('outcome_pre', 'pre_cutoff_operator', 'pre_cutoff_value') }}
            as is_case_at_start,
        {{ compare('outcome_post', 'last_cutoff_operator', 'last_cutoff_value') }}
            as is_case_at_end,
        {{ compare('direction * (outcome_post - outcome_pre)', 'rc_operator', 'rc_value') }}
            as is_reliably_improved,
        {{ compare('direction * (outcome_pre - outcome_post)', 'rc_operator', 'rc_value') }}
            as is_reliably_deteriorated

    from changes

),

classified as (

    select
        episode_key,
        outcome_instrument_id,
        outcome_rater,
        n_outcome_scores,
        outcome_pre,
        outcome_post,
        outcome_pre_at,
        outcome_post_at,
        improvement,
        rc_value as jt_rc_value,
        pre_cutoff_value as jt_cutoff_value_at_start,
        last_cutoff_value as jt_cutoff_value,
        is_case_at_start as jt_is_case_at_start,
        is_reliably_improved,
        is_reliably_deteriorated,
        {# Without a cut-off at both ends there is no class of this method. #}
        case
            when is_case_at_start is not null and is_case_at_end is not null
                then {{ change_class() }}
        end as jt_class

    from judged

)

select * from classified
