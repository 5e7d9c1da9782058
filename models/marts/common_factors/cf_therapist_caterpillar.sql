with

estimates as (

    select * from {{ ref('int_cf_therapist_caterpillar') }}

),

candidates as (

    select
        therapist_code,
        therapist_key,
        clinic_id,
        clinic_group,
        exclusion_reason

    from {{ ref('int_cf_therapist_candidates') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{# The code numbers therapist keys, so max() picks the only one there is. #}
therapists as (

    select
        therapist_code,
        max(therapist_key) as therapist_key

    from candidates

    where exclusion_reason is null

    group by therapist_code

),

scoped_candidates as (

    {{ cf_scoped('candidates') }}

),

reason_counts as (

    select
        scope_level,
        scope_id,
        therapist_code,
        exclusion_reason,
        count(*) as reason_count

    from scoped_candidates

    group by
        scope_level,
        scope_id,
        therapist_code,
        exclusion_reason

),

exclusions as (

    select
        scope_level,
        scope_id,
        therapist_code,
        sum(reason_count) as candidate_count,
        sum(case when exclusion_reason is null then reason_count else 0 end) as usable_count,
        {{ cf_list_of(
            "exclusion_reason || ': ' || " ~ cf_count_in_words('reason_count'),
            'reason_count desc, exclusion_reason',
        ) }} as reasons

    from reason_counts

    group by
        scope_level,
        scope_id,
        therapist_code

),

labeled as (

    select
        estimates.*,
        case
            when estimate is null then 'suppressed'
            when n_clients < {{ var('small_number', 11) }} then 'suppressed'
            when n_therapists < 10 or n_clients_in_model < 200 then 'suppressed'
            when reliability < 0.7 then 'too imprecise'
            when n_therapists < 40 or n_clients_in_model < 1200 then 'exploratory'
            else 'reportable'
        end as precision_label

    from estimates

),

shown as (

    select
        labeled.*,
        precision_label <> 'suppressed' as is_shown,
        n_clients >= {{ var('small_number', 11) }} as is_large_enough

    from labeled

)

select
    shown.scope_level,
    shown.scope_id,
    shown.outcome_instrument_id,
    therapists.therapist_key,
    case when shown.is_shown then shown.estimate end as estimate,
    case when shown.is_shown then shown.se end as se,
    case when shown.is_shown then shown.ci_low end as ci_low,
    case when shown.is_shown then shown.ci_high end as ci_high,
    shown.ci_level,
    case when shown.is_shown then shown.pairwise_ci_low end as pairwise_ci_low,
    case when shown.is_shown then shown.pairwise_ci_high end as pairwise_ci_high,
    case when shown.is_shown then shown.rank end as therapist_rank,
    case when shown.is_shown then shown.rank_best end as rank_best,
    case when shown.is_shown then shown.rank_worst end as rank_worst,
    case when shown.is_shown then shown.reliability end as reliability,
    case when shown.is_shown then shown.standing end as standing,
    case when shown.is_large_enough then shown.mean_improvement end as mean_improvement,
    case when shown.is_large_enough then shown.mean_pre end as mean_pre,
    {{ cf_visible_count('shown.n_clients') }} as n_clients,
    {{ cf_visible_count('shown.n_clients') }} as n_episodes,
    shown.n_therapists,
    {{ cf_excluded_count('exclusions.candidate_count', 'shown.n_clients') }} as n_excluded,
    case
        when shown.is_large_enough then {{ cf_reasons_in_words('shown.n_clients') }}
    end as exclusion_reasons,
    shown.precision_label,
    shown.reason as not_estimable_reason,
    cast(null as double) as benchmark_value,
    cast(null as double) as benchmark_ci_low,
    cast(null as double) as benchmark_ci_high,
    cast(null as {{ dbt.type_string() }}) as benchmark_source,
    false as benchmark_is_comparable,
    'there is no benchmark for a single therapist' as benchmark_why_not,
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: an estimate pulled to the average, for supervision, not for ranking'
        as caution

from shown

inner join therapists on shown.therapist_code = therapists.therapist_code

inner join exclusions
    on
        shown.scope_level = exclusions.scope_level
        and shown.scope_id = exclusions.scope_id
        and shown.therapist_code = exclusions.therapist_code

cross join extract_dates
