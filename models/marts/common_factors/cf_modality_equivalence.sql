with

estimates as (

    select * from {{ ref('int_cf_modality_equivalence') }}

),

candidates as (

    select
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_modality_candidates') }}

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{{ cf_exclusions('candidates') }},

labeled as (

    select
        estimates.*,
        case
            when estimate is null then 'suppressed'
            when least(n_clients_modality, n_clients_compared) < 30 then 'suppressed'
            when least(n_therapists_modality, n_therapists_compared) < 3 then 'suppressed'
            when least(n_therapists_modality, n_therapists_compared) < 10 then 'exploratory'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    shown.outcome_instrument_id,
    shown.modality,
    shown.compared_modality,
    'case-mix adjusted difference in last score, pooled SD' as metric,
    shown.model,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.wide_ci_low end as wide_ci_low,
    case when shown.is_shown then shown.wide_ci_high end as wide_ci_high,
    case when shown.is_shown then shown.difference_points end as difference_points,
    case when shown.is_shown then shown.pooled_sd end as pooled_sd,
    case when shown.is_shown then shown.tost_p end as tost_p,
    shown.margin,
    case when shown.is_shown then shown.verdict end as verdict,
    case when shown.is_shown then shown.verdict_at_24 end as verdict_at_24,
    case when shown.is_shown then shown.verdict_at_30 end as verdict_at_30,
    case when shown.is_shown then shown.pre_difference_sd end as pre_difference_sd,
    case
        when shown.is_shown
            then
                concat_ws(
                    '; ',
                    case
                        when shown.n_therapists_both = 0
                            then 'no therapist practises both: modality and therapist cannot be told apart'
                        when shown.n_therapists_both < 3
                            then 'fewer than 3 therapists practise both'
                    end,
                    case
                        when abs(shown.pre_difference_sd) >= 0.25
                            then 'severity at the start differs by a quarter SD or more'
                    end,
                    'allegiance of therapists is not recorded'
                )
    end as confounding,
    {{ cf_visible_count('shown.n_clients_modality') }} as n_clients_modality,
    {{ cf_visible_count('shown.n_clients_compared') }} as n_clients_compared,
    shown.n_therapists_modality,
    shown.n_therapists_compared,
    shown.n_therapists_both,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    {{ cf_reasons_in_words('shown.n_clients') }} as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: clients are not allocated at random, and not significant is not equivalent' as caution

from shown

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id

cross join extract_dates

left join benchmarks
    on
        benchmarks.table_name = 'cf_modality_equivalence'
        and 'd' = benchmarks.metric
        and benchmarks.evidence = 'verified'
