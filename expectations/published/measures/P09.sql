-- Months of an instrument after the clinic's first ones; broken: mean or spread moved from those.
-- With first_months 0 the registry's clinical norm is the reference instead.
with forms as (
    select
        scores.clinic_id,
        scores.instrument_id,
        scores.version,
        scores.rater,
        scores.score,
        date_trunc('month', scores.completed_at) as month
    from core.fct_scores as scores
    inner join core.dim_instruments as instruments
        on scores.instrument_id = instruments.instrument_id
        and scores.version = instruments.version
        and scores.rater = instruments.rater
        and scores.scale = instruments.primary_scale
        and instruments.is_default
    where scores.score is not null
),
firsts as (
    select clinic_id, instrument_id, version, rater, min(month) as first_month
    from forms
    group by clinic_id, instrument_id, version, rater
),
norms as (
    select instrument_id, version, rater, clinical_mean as mean_reference,
        clinical_sd as sd_reference
    from lake_scales as scales
    semi join core.dim_instruments as instruments
        on scales.instrument_id = instruments.instrument_id
        and scales.version = instruments.version
        and scales.rater = instruments.rater
        and scales.language = instruments.language
        and scales.scale = instruments.primary_scale
        and instruments.is_default
    where :first_months = 0 and clinical_mean is not null and clinical_sd > 0
),
own as (
    select clinic_id, instrument_id, version, rater,
        avg(score) as mean_reference, stddev_samp(score) as sd_reference
    from forms inner join firsts using (clinic_id, instrument_id, version, rater)
    where month < first_month + interval 1 month * :first_months
    group by clinic_id, instrument_id, version, rater
    having count(*) >= :min_forms
),
months as (
    select clinic_id, instrument_id, version, rater, month,
        avg(score) as mean_score, stddev_samp(score) as sd_score
    from forms inner join firsts using (clinic_id, instrument_id, version, rater)
    where month >= first_month + interval 1 month * :first_months
    group by clinic_id, instrument_id, version, rater, month
    having count(*) >= :min_forms
),
compared as (
    select
        months.*,
        coalesce(own.mean_reference, norms.mean_reference) as mean_reference,
        coalesce(own.sd_reference, norms.sd_reference) as sd_reference
    from months
    left join own using (clinic_id, instrument_id, version, rater)
    left join norms using (instrument_id, version, rater)
)
select
    clinic_id,
    'core.fct_scores' as table_name,
    count(*) as n_scope,
    count(*) filter (
        where abs(mean_score - mean_reference) > :standard_deviations * sd_reference
        or abs(sd_score - sd_reference) > :standard_deviations * sd_reference
    ) as n_failed,
    string_agg(distinct instrument_id, ', ' order by instrument_id) filter (
        where abs(mean_score - mean_reference) > :standard_deviations * sd_reference
        or abs(sd_score - sd_reference) > :standard_deviations * sd_reference
    ) as detail
from compared
where sd_reference > 0
group by clinic_id
