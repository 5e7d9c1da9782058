{# Jointly rated sessions of the dyads that count for bias. #}

with

candidates as (

    select *
    from {{ ref('int_cf_congruence_candidates') }}
    where analysis = 'bias' and exclusion_reason is null

),

joint_sessions as (

    select * from {{ ref('cf_congruence_sessions') }}

)

select
    candidates.clinic_id,
    candidates.clinic_group,
    candidates.client_instrument_id,
    candidates.therapist_instrument_id,
    candidates.stratum,
    candidates.dyad_code,
    candidates.therapist_code,
    joint_sessions.client_pomp,
    joint_sessions.therapist_pomp

from candidates

inner join joint_sessions on candidates.episode_key = joint_sessions.episode_key
