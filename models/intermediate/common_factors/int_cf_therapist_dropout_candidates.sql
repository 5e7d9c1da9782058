{# Episodes whose ending is known, of clients one therapist held; is_event 1 is a dropout. #}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

judged as (

    select
        clinic_id,
        clinic_group,
        episode_key,
        client_key,
        therapist_key,
        start_date,
        outcome_instrument_id,
        outcome_pre,
        age_years_at_start,
        dropout_unilateral,
        case
            when dropout_unilateral is null
                then 'still in treatment, or ended for an unknown or another reason'
            when therapist_key is null
                then 'no therapist'
            when is_mixed_therapist
                then 'no therapist held most of the sessions'
            when outcome_pre is null
                then 'no first outcome score'
        end as missing_reason

    from episodes

    where n_sessions_attended >= 1

),

{{ cf_each_client_once('judged') }}

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    outcome_instrument_id,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id, outcome_instrument_id
                ) - 1
    end as stratum,
    dense_rank() over (order by therapist_key) as therapist_code,
    cast(outcome_pre as double) as pre_score,
    cast(age_years_at_start as double) as age_years,
    case when dropout_unilateral then 1.0 else 0.0 end as is_event

from reasoned
