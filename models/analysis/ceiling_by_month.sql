select
    'clinic' as scope_level,
    clinic_id as scope_id,
    clinic_id,
    cast(date_trunc('month', session_at) as date) as session_month,
    alliance_instrument_id,
    count(*) as n_rated_sessions,
    count(distinct client_key) as n_clients,
    count(*) filter (where is_alliance_ceiling) as n_at_ceiling,
    100 * count(*) filter (where is_alliance_ceiling) / cast(count(*) as double) as ceiling_percent,
    avg(alliance_pomp) as alliance_mean_pomp

from {{ ref('fct_session_process').include(database=false) }}

where alliance_pomp is not null

group by
    clinic_id,
    session_month,
    alliance_instrument_id
