{# Sums that outcome by rupture class is estimated from: per clinic, detector, forms and class. #}

with

candidates as (

    select * from {{ ref('int_cf_rupture_candidates') }}

),

summed as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        outcome_instrument_id,
        rupture_class,
        count(*) as client_count,
        count(distinct therapist_key) as therapist_count,
        sum(improvement) as improvement_sum,
        sum(improvement * improvement) as improvement_squares,
        sum(n_sessions_attended) as session_sum,
        count(is_reliably_improved) as reliable_known_count,
        sum(case when is_reliably_improved then 1 else 0 end) as reliable_count,
        count(dropout_unilateral) as dropout_known_count,
        sum(case when dropout_unilateral then 1 else 0 end) as dropout_count

    from candidates

    where exclusion_reason is null

    group by
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        outcome_instrument_id,
        rupture_class

)

select
    dense_rank() over (
        order by clinic_id, detector, instrument_id, version, outcome_instrument_id
    ) - 1 as stratum,
    clinic_id,
    clinic_group,
    detector,
    instrument_id,
    version,
    outcome_instrument_id,
    case rupture_class when 'none' then 0 when 'repaired' then 1 else 2 end as class_code,
    cast(client_count as double) as client_count,
    cast(therapist_count as double) as therapist_count,
    cast(improvement_sum as double) as improvement_sum,
    cast(improvement_squares as double) as improvement_squares,
    cast(session_sum as double) as session_sum,
    cast(reliable_known_count as double) as reliable_known_count,
    cast(reliable_count as double) as reliable_count,
    cast(dropout_known_count as double) as dropout_known_count,
    cast(dropout_count as double) as dropout_count

from summed
