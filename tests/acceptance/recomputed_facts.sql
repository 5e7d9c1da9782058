-- What the tables are about, worked out from the public fact tables of `night` alone and from the
-- definitions of the domain brief (sections 2 to 4), not from the models.
create table treated as
select *, row_number() over (partition by episode_key order by session_at, session_key) as number
from night.core.fct_sessions
where attendance in ('attended', 'late')
    and coalesce(session_type, 'treatment') in ('treatment', 'group');

create table scored as select * from night.core.fct_scores where score is not null;

-- The last alliance form of a session, percent of the maximum.
create table alliance as
select distinct on (session_key)
    session_key, completed_at, instrument_id,
    (score - low) * 100 / (high - low) as pomp
from scored
inner join (values ('wai_sr', 12, 60), ('srs', 0, 40)) as ends (instrument_id, low, high)
    using (instrument_id)
where rater = 'client' and scale = 'total' and session_key is not null
order by session_key, completed_at desc, response_key desc;

create table outcome as
select
    scored.*,
    case when instrument_id = 'ors' then 1 else -1 end as direction
from scored
inner join night.core.fct_episodes as episodes using (episode_key)
where scored.rater = 'client' and scale = 'total'
    and instrument_id = outcome_instrument_id;

create table sessions as
with latest as (
    select distinct on (session_key) session_key, score, completed_at
    from outcome where session_key is not null
    order by session_key, completed_at desc, response_key desc
)
select
    treated.*, alliance.pomp, alliance.instrument_id as alliance_id,
    alliance.completed_at as rated_at, latest.score as outcome, latest.completed_at as scored_at,
    lead(latest.score) over w as next_outcome, lead(latest.completed_at) over w as next_scored_at,
    lead(treated.session_at) over w as next_at,
    avg(alliance.pomp) over (partition by treated.episode_key) as mean_pomp,
    latest.score - avg(latest.score) over (partition by treated.episode_key) as outcome_within
from treated
left join alliance using (session_key)
left join latest using (session_key)
window w as (partition by treated.episode_key order by number);

-- The mean of sessions 3 to 5, else the latest rating before; an outcome after it is later.
create table early as
with first_five as (
    select *, max(number) over (partition by episode_key) as latest_number
    from sessions where pomp is not null and number <= 5
)
select
    episode_key, avg(pomp) as early, any_value(alliance_id) as alliance_id,
    max(greatest(session_at, rated_at)::date) as until_day
from first_five
where number >= 3 or number = latest_number
group by episode_key;

create table courses as
select
    episodes.episode_key, clinic_id, client_key, therapist_key, is_mixed_therapist, start_date,
    end_date, discharge_reason, course_status, modality, outcome_instrument_id, n_attended,
    session_3, early, alliance_id, first.pre, first.post, first.n_scores, first.direction, later,
    discharge_reason in (
        'completed', 'dropout', 'moved_or_stepped', 'provider_or_other', 'deceased'
    ) as is_ended,
    discharge_reason = 'dropout' as has_left
from night.core.fct_episodes as episodes
inner join (
    select episode_key, count(*) as n_attended, max(pomp) filter (number = 3) as session_3
    from sessions group by episode_key
) using (episode_key)
left join early using (episode_key)
left join (
    select
        episode_key, arg_min(score, (completed_at, response_key)) as pre,
        arg_max(score, (completed_at, response_key)) as post, count(*) as n_scores,
        any_value(direction) as direction
    from outcome group by episode_key
) as first using (episode_key)
left join (
    select episode_key, arg_max(score, (completed_at, response_key)) as later
    from outcome inner join early using (episode_key)
    where completed_at::date > until_day group by episode_key
) using (episode_key);
