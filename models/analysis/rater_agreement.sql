select
    'clinic' as scope_level,
    clinic_id as scope_id,
    clinic_id,
    client_instrument_id,
    therapist_instrument_id,
    count(*) as n_clients,
    cast(sum(n_sessions) as bigint) as n_sessions,
    avg(difference_mean_pomp) as difference_mean_pomp,
    avg(absolute_difference_mean_pomp) as absolute_difference_mean_pomp,
    count(tracking_r) as n_clients_tracked,
    median(tracking_r) as median_tracking_r

from {{ ref('cf_congruence_clients').include(database=false) }}

group by
    clinic_id,
    client_instrument_id,
    therapist_instrument_id
