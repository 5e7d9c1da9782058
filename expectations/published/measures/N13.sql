-- Therapists with enough booked sessions; broken: the share missed lies further from the other
-- therapists' mean than so many standard deviations, their spread and chance taken together.
with shares as (
    select
        clinic_id,
        therapist_key,
        count(*) as n_booked,
        avg(case when is_attended then 0.0 else 1.0 end) as share
    from core.fct_sessions
    where therapist_key is not null and not is_derived
    group by clinic_id, therapist_key
    having count(*) >= :min_sessions
),
others as (
    select
        clinic_id,
        n_booked,
        share,
        count(*) over clinic - 1 as n_others,
        (sum(share) over clinic - share) / nullif(count(*) over clinic - 1, 0) as mean_others,
        sum(share * share) over clinic - share * share as squares_others
    from shares
    window clinic as (partition by clinic_id)
),
spread as (
    select
        *,
        greatest(squares_others - n_others * mean_others * mean_others, 0)
        / nullif(n_others - 1, 0)
        + mean_others * (1 - mean_others) / n_booked as variance
    from others
)
select
    clinic_id,
    'core.fct_sessions' as table_name,
    count(*) as n_scope,
    count(*) filter (where abs(share - mean_others) > :standard_deviations * sqrt(variance))
        as n_failed
from spread
where n_others >= :min_others
group by clinic_id
