-- Therapists with enough client-rated alliance forms; broken: too many at the highest score.
select
    clinic_id,
    'core.fct_scores' as table_name,
    count(*) as n_scope,
    count(*) filter (where n_at_top >= :share_at_top * n_forms) as n_failed
from (
    select
        scores.clinic_id,
        scores.therapist_key,
        count(*) as n_forms,
        count(*) filter (where scores.score >= instruments.score_max) as n_at_top
    from core.fct_scores as scores
    inner join core.dim_instruments as instruments
        on scores.instrument_id = instruments.instrument_id
        and scores.version = instruments.version
        and scores.rater = instruments.rater
        and scores.scale = instruments.primary_scale
        and instruments.is_default
    where
        instruments.family = 'alliance'
        and scores.rater = 'client'
        and scores.score is not null
        and scores.therapist_key is not null
    group by scores.clinic_id, scores.therapist_key
    having count(*) >= :min_forms
)
group by clinic_id
