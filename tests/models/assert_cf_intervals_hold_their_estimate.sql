{#
    Rule P03: a correlation or share stays in its range, and an interval holds its estimate. Only a
    warning here: the audit withholds such a row, which needs the finished table.
#}
{{ config(severity = 'warn') }}

{# table, lowest and highest possible estimate (SQL) #}
{% set bounds = [
    ('cf_alliance_outcome', '-1', '1'),
    (
        'cf_within_between_alliance',
        "case when parameter = 'repeated_measures_r' then -1 else -1e9 end",
        "case when parameter = 'repeated_measures_r' then 1 else 1e9 end",
    ),
    (
        'cf_early_alliance_dropout',
        "case when metric = 'risk_difference' then -1 else 0 end",
        "case when metric in ('odds_ratio', 'hazard_ratio_per_sd') then 1e9 else 1 end",
    ),
    ('cf_therapist_effect', '0', '1'),
    ('cf_therapist_caterpillar', '-1e9', '1e9'),
    ('cf_dropout_definitions', '0', '1'),
    ('cf_outcome_change', '0', '1'),
    ('cf_effect_size', '-1e9', '1e9'),
    ('cf_within_between_therapist', '-1e9', '1e9'),
    ('cf_variance_shares', '-1', '2'),
    ('cf_modality_equivalence', '-1e9', '1e9'),
    (
        'cf_alliance_symptom_lag',
        "case when parameter = 'repeated_measures_r' then -1 else -1e9 end",
        "case when parameter = 'repeated_measures_r' then 1 else 1e9 end",
    ),
    ('cf_dropout_hazard', '0', '1e9'),
    ('cf_dropout_survival', '0', '1'),
    (
        'cf_alliance_trajectory_summary',
        "case when metric = 'typical_slope' then -1e9 when metric = 'slope_improvement_r' then -1 else 0 end",
        "case when metric in ('typical_slope', 'slope_sd') then 1e9 else 1 end",
    ),
    (
        'cf_empathy_outcome',
        "case when metric = 'difference' then -2 else -1 end",
        "case when metric = 'difference' then 2 else 1 end",
    ),
    ('cf_core_conditions', '-1', '1'),
    ('cf_goal_consensus_collaboration', '-1', '1'),
    ('cf_attachment_alliance', '-1', '1'),
    ('cf_countertransference', '-1', '1'),
    (
        'cf_homework',
        "case when parameter = 'repeated_measures_r' then -1 else -1e9 end",
        "case when parameter = 'repeated_measures_r' then 1 else 1e9 end",
    ),
    (
        'cf_congruence',
        "case when unit = 'correlation' then -1 else -1e9 end",
        "case when unit = 'correlation' then 1 else 1e9 end",
    ),
] %}

with

estimates as (

    {% for table_name, lowest, highest in bounds %}
    select
        '{{ table_name }}' as table_name,
        estimate,
        ci_low,
        ci_high,
        {{ lowest }} as lowest,
        {{ highest }} as highest

    from {{ ref(table_name) }}

    {% if not loop.last %}union all{% endif %}

    {% endfor %}

)

select
    table_name,
    count(*) as n_wrong

from estimates

where
    estimate < lowest - 1e-9
    or estimate > highest + 1e-9
    or ci_low > estimate + 1e-9
    or ci_high < estimate - 1e-9

group by table_name
