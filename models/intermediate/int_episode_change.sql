{# Jacobson and Truax (1991) per episode, with the registry's thresholds and operators. #}

{{ config(materialized = 'view') }}

with

episode_outcomes as (

    select * from {{ ref('int_episode_outcomes') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

changes as (

    select
        episode_outcomes.episode_key,
        episode_instruments.instrument_id as outcome_instrument_id,
        episode_outcomes.n_outcome_scores,
        episode_outcomes.outcome_pre,
        episode_outcomes.outcome_pre_at,
        episode_outcomes.last_up_to_early_alliance,
        episode_outcomes.post_after_early_alliance,
        episode_instruments.direction,
        episode_instruments.cutoff_value,
        episode_instruments.cutoff_operator,
        episode_instruments.rc_value,
        episode_instruments.rc_operator,
        {# One form is not a first and a last one. #}
        case
            when episode_outcomes.n_outcome_scores >= 2 then episode_outcomes.outcome_last
        end as outcome_post,
        case
            when episode_outcomes.n_outcome_scores >= 2 then episode_outcomes.outcome_last_at
        end as outcome_post_at

    from episode_outcomes

    inner join episode_instruments
        on
            episode_outcomes.episode_key = episode_instruments.episode_key
            and episode_instruments.role = 'outcome'

),

judged as (

    select
        *,
        direction * (outcome_post - outcome_pre) as improvement,
        {{ compare('outcome_pre', 'cutoff_operator', 'cutoff_value') }} as is_case_at_start,
        {{ compare('outcome_post', 'cutoff_operator', 'cutoff_value') }} as is_case_at_end,
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
        n_outcome_scores,
        outcome_pre,
        outcome_post,
        outcome_pre_at,
        outcome_post_at,
        last_up_to_early_alliance,
        post_after_early_alliance,
        improvement,
        rc_value as jt_rc_value,
        cutoff_value as jt_cutoff_value,
        is_case_at_start as jt_is_case_at_start,
        is_reliably_improved,
        is_reliably_deteriorated,
        case
            when is_case_at_start is null or is_case_at_end is null then null
            when is_reliably_improved and is_case_at_start and not is_case_at_end
                then 'recovered'
            when is_reliably_improved then 'improved'
            when is_reliably_deteriorated and not is_case_at_start and is_case_at_end
                then 'harmed'
            when is_reliably_deteriorated then 'deteriorated'
            when not is_reliably_improved and not is_reliably_deteriorated then 'unchanged'
        end as jt_class

    from judged

)

select * from classified
