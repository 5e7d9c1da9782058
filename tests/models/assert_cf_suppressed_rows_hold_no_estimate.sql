{# Rule P06: no visible estimate or count below small_number, and nothing beside a hidden estimate. #}

{% set tables = [
    'cf_alliance_outcome',
    'cf_within_between_alliance',
    'cf_early_alliance_dropout',
    'cf_therapist_effect',
    'cf_therapist_caterpillar',
    'cf_dropout_definitions',
    'cf_outcome_change',
    'cf_effect_size',
    'cf_within_between_therapist',
    'cf_variance_shares',
    'cf_modality_equivalence',
    'cf_alliance_symptom_lag',
    'cf_dropout_hazard',
    'cf_dropout_survival',
    'cf_alliance_trajectory_summary',
    'cf_empathy_outcome',
    'cf_core_conditions',
    'cf_goal_consensus_collaboration',
    'cf_attachment_alliance',
    'cf_countertransference',
    'cf_homework',
    'cf_congruence',
] %}

with

visible as (

    {% for table in tables %}
    select
        '{{ table }}' as table_name,
        precision_label = 'suppressed' as is_suppressed,
        estimate,
        ci_low,
        ci_high,
        n_episodes,
        n_excluded
    from {{ ref(table) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    table_name,
    count(*) as n_wrong

from visible

where
    (is_suppressed and (estimate is not null or ci_low is not null or ci_high is not null))
    or (not is_suppressed and (estimate is null or n_episodes is null))
    or n_episodes < {{ var('small_number', 11) }}
    or n_excluded between 1 and {{ var('small_number', 11) - 1 }}

group by table_name
