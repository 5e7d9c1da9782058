with

trajectories as (

    select *

    from {{ ref('int_cf_alliance_trajectory') }}

    where episode_code is not null

),

candidates as (

    select * from {{ ref('int_cf_trajectory_candidates') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

)

select
    candidates.clinic_id,
    candidates.clinic_group,
    candidates.client_key,
    candidates.therapist_key,
    candidates.episode_key,
    candidates.alliance_instrument_id,
    'client' as alliance_rater,
    candidates.n_ratings,
    cast(candidates.first_session as bigint) as first_session_number,
    cast(candidates.last_session as bigint) as last_session_number,
    candidates.sum_y / nullif(candidates.n_ratings, 0) as alliance_mean_pomp,
    trajectories.slope,
    trajectories.slope_ci_low,
    trajectories.slope_ci_high,
    trajectories.ci_level,
    trajectories.shape,
    candidates.has_v = 1 as has_regained_rupture,
    trajectories.n_clients_in_model,
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'descriptive: a line through few ratings, pulled to the typical line' as caution

from trajectories

inner join candidates
    on
        trajectories.episode_code = candidates.episode_code
        and candidates.exclusion_reason is null

cross join extract_dates
