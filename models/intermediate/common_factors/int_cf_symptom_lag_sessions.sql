{# Pairs of sessions of the episodes that count, with the numbers that tell clients apart. #}

select
    candidates.clinic_id,
    candidates.clinic_group,
    candidates.lag_direction,
    candidates.alliance_instrument_id,
    candidates.outcome_instrument_id,
    candidates.stratum,
    candidates.therapist_code,
    candidates.client_code,
    pairs.session_number,
    pairs.predictor,
    pairs.predictor_within,
    pairs.predictor_between,
    pairs.last_score,
    pairs.last_within,
    pairs.outcome

from {{ ref('int_cf_symptom_lag_candidates') }} as candidates

inner join {{ ref('int_cf_symptom_lag_pairs') }} as pairs
    on
        candidates.episode_key = pairs.episode_key
        and candidates.lag_direction = pairs.lag_direction
        and candidates.alliance_instrument_id = pairs.alliance_instrument_id
        and candidates.outcome_instrument_id = pairs.outcome_instrument_id

where candidates.exclusion_reason is null
