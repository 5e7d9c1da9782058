{# Rule P03: a correlation or share stays in its range, and an interval holds its estimate. #}

with

estimates as (

    select 'cf_alliance_outcome' as table_name, estimate, ci_low, ci_high, -1.0 as low, 1.0 as high
    from {{ ref('cf_alliance_outcome') }}

    union all

    select 'cf_within_between_alliance', estimate, ci_low, ci_high, -1.0, 1.0
    from {{ ref('cf_within_between_alliance') }}
    where parameter = 'repeated_measures_r'

    union all

    select 'cf_within_between_alliance', estimate, ci_low, ci_high, -1e9, 1e9
    from {{ ref('cf_within_between_alliance') }}
    where parameter <> 'repeated_measures_r'

    union all

    select
        'cf_early_alliance_dropout',
        estimate,
        ci_low,
        ci_high,
        case when metric = 'risk_difference' then -1.0 else 0.0 end,
        case when metric in ('odds_ratio', 'hazard_ratio_per_sd') then 1e9 else 1.0 end
    from {{ ref('cf_early_alliance_dropout') }}

    union all

    select 'cf_therapist_effect', estimate, ci_low, ci_high, 0.0, 1.0
    from {{ ref('cf_therapist_effect') }}

    union all

    select 'cf_therapist_caterpillar', estimate, ci_low, ci_high, -1e9, 1e9
    from {{ ref('cf_therapist_caterpillar') }}

    union all

    select 'cf_dropout_definitions', estimate, ci_low, ci_high, 0.0, 1.0
    from {{ ref('cf_dropout_definitions') }}

)

select
    table_name,
    count(*) as n_wrong

from estimates

where
    estimate < low
    or estimate > high
    or ci_low > estimate + 1e-12
    or ci_high < estimate - 1e-12

group by table_name
