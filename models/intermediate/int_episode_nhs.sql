{#
    NHS Talking Therapies classes per episode with PHQ-9 and GAD-7 at least twice each. One measure
    reliably better and the other reliably worse is no reliable change in either direction.
#}

{{ config(materialized = 'view') }}

with

episode_outcomes as (

    select * from {{ ref('int_episode_outcomes') }}

),

scales as (

    select * from {{ ref('int_scales') }}

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

pairs as (

    select
        episode_key,
        phq9_first as phq9_pre,
        gad7_first as gad7_pre,
        case when n_phq9 >= 2 then phq9_last end as phq9_post,
        case when n_gad7 >= 2 then gad7_last end as gad7_post,
        n_phq9 >= 2 and n_gad7 >= 2 as is_paired

    from episode_outcomes

    where n_phq9 + n_gad7 > 0

),

judged as (

    select
        pairs.*,
        {% for measure in ['phq9', 'gad7'] %}
            {% set limits = measure ~ '_thresholds' %}
            {% set pre = 'pairs.' ~ measure ~ '_pre' %}
            {% set post = 'pairs.' ~ measure ~ '_post' %}
            {{ compare(pre, limits ~ '.nhs_cutoff_operator', limits ~ '.nhs_cutoff_value') }}
                as {{ measure }}_case_at_start,
            {{ compare(post, limits ~ '.nhs_cutoff_operator', limits ~ '.nhs_cutoff_value') }}
                as {{ measure }}_case_at_end,
            {{ compare(pre ~ ' - ' ~ post, limits ~ '.nhs_rc_operator', limits ~ '.nhs_rc_value') }}
                as {{ measure }}_better,
            {{ compare(post ~ ' - ' ~ pre, limits ~ '.nhs_rc_operator', limits ~ '.nhs_rc_value') }}
                as {{ measure }}_worse{% if not loop.last %},{% endif %}
        {% endfor %}

    from pairs

    left join phq9_thresholds on true

    left join gad7_thresholds on true

),

combined as (

    select
        *,
        phq9_case_at_start or gad7_case_at_start as is_case_at_start,
        not phq9_case_at_end and not gad7_case_at_end as is_below_at_end,
        (phq9_better and not gad7_worse) or (gad7_better and not phq9_worse)
            as is_reliably_improved,
        (phq9_worse and not gad7_better) or (gad7_worse and not phq9_better)
            as is_reliably_deteriorated

    from judged

),

classified as (

    select
        episode_key,
        phq9_pre,
        phq9_post,
        gad7_pre,
        gad7_post,
        is_paired,
        case when is_paired then is_case_at_start end as is_case_at_start,
        case when is_paired and is_case_at_start then is_below_at_end end as is_recovered,
        case when is_paired then is_reliably_improved end as is_reliably_improved,
        case when is_paired then is_reliably_deteriorated end as is_reliably_deteriorated,
        case
            when is_paired and is_case_at_start then is_below_at_end and is_reliably_improved
        end as is_reliably_recovered

    from combined

)

select * from classified
