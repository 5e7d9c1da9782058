{#
    NHS Talking Therapies classes per episode with PHQ-9 and an anxiety measure at least twice each:
    the one config/nhs_measures.csv names for the problem, else GAD-7. One measure reliably better
    and the other reliably worse is no reliable change in either direction. NHS Talking Therapies
    prorates nothing: a prorated score is neither first nor last here.
#}

{{ config(materialized = 'view') }}

with

scales as (

    select * from {{ ref('int_scales') }}

),

episodes as (

    select
        episode_key,
        problem

    from {{ ref('int_episodes') }}

),

measures as (

    select * from {{ ref('int_episode_measures') }}

    where rater = 'client'

),

nhs_measures as (

    select * from {{ ref('nhs_measures') }}

),

thresholds as (

    select
        instrument_id,
        nhs_cutoff_value,
        nhs_cutoff_operator,
        nhs_rc_value,
        nhs_rc_operator,
        row_number() over (
            partition by instrument_id
            order by version
        ) as version_number

    from scales

    where
        rater = 'client'
        and is_primary
        and nhs_cutoff_value is not null

),

phq9_thresholds as (

    select * from thresholds

    where
        instrument_id = 'phq9'
        and version_number = 1

),

gad7_thresholds as (

    select * from thresholds

    where
        instrument_id = 'gad7'
        and version_number = 1

),

{# The problem's own measure, where it was filled in twice and has both thresholds. #}
specific as (

    select
        measures.episode_key,
        measures.instrument_id,
        measures.whole_score_pre as score_pre,
        measures.whole_score_post as score_post,
        specific_scales.nhs_cutoff_value,
        specific_scales.nhs_cutoff_operator,
        specific_scales.nhs_rc_value,
        specific_scales.nhs_rc_operator,
        row_number() over (
            partition by measures.episode_key
            order by nhs_measures.preference, measures.n_whole_scores desc, measures.version
        ) as choice_number

    from measures

    inner join episodes on measures.episode_key = episodes.episode_key

    inner join nhs_measures
        on
            replace(lower(trim(episodes.problem)), ' ', '_') = nhs_measures.problem
            and measures.instrument_id = nhs_measures.instrument_id

    inner join scales as specific_scales
        on
            measures.instrument_id = specific_scales.instrument_id
            and measures.version = specific_scales.version
            and specific_scales.rater = 'client'
            and specific_scales.is_primary
            and specific_scales.nhs_rc_value is not null

    where measures.n_whole_scores >= 2

),

numbered as (

    select
        *,
        row_number() over (
            partition by episode_key, instrument_id
            order by n_whole_scores desc, version
        ) as version_choice

    from measures

    where
        instrument_id in ('phq9', 'gad7')
        and n_whole_scores > 0

),

outcomes as (

    select
        episode_key,
        {% for measure in ['phq9', 'gad7'] %}
            coalesce(max(n_whole_scores) filter (where instrument_id = '{{ measure }}'), 0)
                as n_{{ measure }},
            max(whole_score_pre) filter (where instrument_id = '{{ measure }}')
                as {{ measure }}_first,
            max(whole_score_post) filter (where instrument_id = '{{ measure }}')
                as {{ measure }}_last{{ ',' if not loop.last }}
        {% endfor %}

    from numbered

    where version_choice = 1

    group by episode_key

),

pairs as (

    select
        outcomes.episode_key,
        outcomes.phq9_first as phq9_pre,
        outcomes.gad7_first as gad7_pre,
        case when outcomes.n_phq9 >= 2 then outcomes.phq9_last end as phq9_post,
        case when outcomes.n_gad7 >= 2 then outcomes.gad7_last end as gad7_post,
        coalesce(
            specific.instrument_id, case when outcomes.n_gad7 > 0 then 'gad7' end
        ) as anxiety_instrument_id,
        {% for part, fallback in [
            ('score_pre', 'outcomes.gad7_first'),
            ('score_post', 'case when outcomes.n_gad7 >= 2 then outcomes.gad7_last end'),
            ('nhs_cutoff_value', 'gad7_thresholds.nhs_cutoff_value'),
            ('nhs_cutoff_operator', 'gad7_thresholds.nhs_cutoff_operator'),
            ('nhs_rc_value', 'gad7_thresholds.nhs_rc_value'),
            ('nhs_rc_operator', 'gad7_thresholds.nhs_rc_operator'),
        ] %}
            case
                when specific.episode_key is not null then specific.{{ part }}
                else {{ fallback }}
            end as anxiety_{{ part | replace('score_', '') }},
        {% endfor %}
        phq9_thresholds.nhs_cutoff_value as phq9_nhs_cutoff_value,
        phq9_thresholds.nhs_cutoff_operator as phq9_nhs_cutoff_operator,
        phq9_thresholds.nhs_rc_value as phq9_nhs_rc_value,
        phq9_thresholds.nhs_rc_operator as phq9_nhs_rc_operator,
        outcomes.n_phq9 >= 2 and (specific.episode_key is not null or outcomes.n_gad7 >= 2)
            as is_paired

    from outcomes

    left join specific
        on
            outcomes.episode_key = specific.episode_key
            and specific.choice_number = 1

    left join phq9_thresholds on true

    left join gad7_thresholds on true

),

judged as (

    select
        *,
        {% for measure in ['phq9', 'anxiety'] %}
            {% set pre, post, limit = measure ~ '_pre', measure ~ '_post', measure ~ '_nhs_' %}
            {{ compare(pre, limit ~ 'cutoff_operator', limit ~ 'cutoff_value') }}
                as {{ measure }}_case_at_start,
            {{ compare(post, limit ~ 'cutoff_operator', limit ~ 'cutoff_value') }}
                as {{ measure }}_case_at_end,
            {{ compare(pre ~ ' - ' ~ post, limit ~ 'rc_operator', limit ~ 'rc_value') }}
                as {{ measure }}_better,
            {{ compare(post ~ ' - ' ~ pre, limit ~ 'rc_operator', limit ~ 'rc_value') }}
                as {{ measure }}_worse{% if not loop.last %},{% endif %}
        {% endfor %}

    from pairs

),

combined as (

    select
        *,
        phq9_case_at_start or anxiety_case_at_start as is_case_at_start,
        not phq9_case_at_end and not anxiety_case_at_end as is_below_at_end,
        (phq9_better and not anxiety_worse) or (anxiety_better and not phq9_worse)
            as is_reliably_improved,
        (phq9_worse and not anxiety_better) or (anxiety_worse and not phq9_better)
            as is_reliably_deteriorated,
        phq9_better and anxiety_better as is_reliably_improved_strict

    from judged

),

classified as (

    select
        episode_key,
        phq9_pre,
        phq9_post,
        gad7_pre,
        gad7_post,
        anxiety_instrument_id,
        anxiety_pre,
        anxiety_post,
        is_paired,
        case when is_paired then is_case_at_start end as is_case_at_start,
        case when is_paired and is_case_at_start then is_below_at_end end as is_recovered,
        case when is_paired then is_reliably_improved end as is_reliably_improved,
        case when is_paired then is_reliably_deteriorated end as is_reliably_deteriorated,
        case when is_paired then is_reliably_improved_strict end as is_reliably_improved_strict,
        case
            when is_paired and is_case_at_start then is_below_at_end and is_reliably_improved
        end as is_reliably_recovered

    from combined

)

select * from classified
