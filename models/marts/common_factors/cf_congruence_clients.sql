with

joint_sessions as (

    select * from {{ ref('cf_congruence_sessions') }}

)

select
    clinic_id,
    clinic_group,
    client_key,
    episode_key,
    client_instrument_id,
    therapist_instrument_id,
    count(*) as n_sessions,
    avg(client_pomp) as client_mean_pomp,
    avg(therapist_pomp) as therapist_mean_pomp,
    avg(difference_pomp) as difference_mean_pomp,
    avg(absolute_difference_pomp) as absolute_difference_mean_pomp,
    case
        when
            count(*) >= {{ var('cf_min_pairs', 4) }}
            and min(client_pomp) < max(client_pomp)
            and min(therapist_pomp) < max(therapist_pomp)
            {# The order of rows moves the last digits; -1 and 1 stay what they are. #}
            then round(corr(client_pomp, therapist_pomp), 12)
    end as tracking_r,
    {{ cf_definition_version() }} as definition_version

from joint_sessions

group by
    clinic_id,
    clinic_group,
    client_key,
    episode_key,
    client_instrument_id,
    therapist_instrument_id
