with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

session_scores as (

    select * from {{ ref('int_session_scores') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

session_measures as (

    select * from {{ ref('int_session_measures') }}

),

{# When a form is meant to be filled in; versions in several languages agree. #}

timings as (

    select
        instrument_id,
        version,
        rater,
        min(timing) as timing

    from {{ ref('stg_lake__instruments') }}

    group by
        instrument_id,
        version,
        rater

),

alliance_instruments as (

    select
        episode_instruments.episode_key,
        episode_instruments.instrument_id,
        timings.timing

    from episode_instruments

    left join timings
        on
            episode_instruments.instrument_id = timings.instrument_id
            and episode_instruments.version = timings.version
            and episode_instruments.rater = timings.rater

    where episode_instruments.role = 'client_alliance'

),

outcome_instruments as (

    select
        episode_instruments.episode_key,
        episode_instruments.instrument_id,
        episode_instruments.direction,
        timings.timing

    from episode_instruments

    left join timings
        on
            episode_instruments.instrument_id = timings.instrument_id
            and episode_instruments.version = timings.version
            and episode_instruments.rater = timings.rater

    where episode_instruments.role = 'outcome'

),

attended as (

    select
        sessions.clinic_id,
        sessions.episode_key,
        sessions.session_key,
        sessions.client_key,
        sessions.therapist_key,
        sessions.session_at,
        sessions.session_number,
        session_scores.alliance_score,
        session_scores.alliance_pomp,
        session_scores.bond_pomp,
        session_scores.task_pomp,
        session_scores.goal_pomp,
        session_scores.therapist_alliance_pomp,
        session_scores.outcome_score,
        session_scores.alliance_completed_at,
        session_scores.outcome_completed_at,
        sessions.homework_set,
        sessions.homework_percent,
        sessions.feedback_reviewed

    from sessions

    left join session_scores on sessions.session_key = session_scores.session_key

    where sessions.is_attended

),

episode_means as (

    select
        attended.episode_key,
        avg(attended.alliance_pomp) as alliance_mean_pomp,
        count(attended.alliance_pomp) as n_alliance,
        avg(attended.outcome_score) as outcome_mean

    from attended

    group by attended.episode_key

),

{# Every episode counts once, however long it lasted; instruments are not mixed. #}

grand_means as (

    select
        alliance_instruments.instrument_id,
        avg(episode_means.alliance_mean_pomp) as alliance_grand_mean_pomp

    from episode_means

    inner join alliance_instruments
        on episode_means.episode_key = alliance_instruments.episode_key

    group by alliance_instruments.instrument_id

),

neighbours as (

    select
        attended.*,
        lag(attended.alliance_pomp) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) as alliance_pomp_lag1,
        lead(attended.alliance_pomp) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) as alliance_pomp_lead1,
        lead(attended.outcome_score) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) as outcome_next,
        lead(attended.outcome_completed_at) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) as outcome_next_completed_at,
        lead(attended.session_at) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) as session_at_next,
        lead(attended.session_key) over (
            partition by attended.episode_key
            order by attended.session_at, attended.session_key
        ) is null as is_last_session

    from attended

),

parts as (

    select
        neighbours.clinic_id,
        neighbours.episode_key,
        neighbours.session_key,
        neighbours.client_key,
        neighbours.therapist_key,
        neighbours.session_at,
        neighbours.session_number,
        alliance_instruments.instrument_id as alliance_instrument_id,
        neighbours.alliance_score,
        neighbours.alliance_pomp,
        neighbours.bond_pomp,
        neighbours.task_pomp,
        neighbours.goal_pomp,
        neighbours.therapist_alliance_pomp,
        neighbours.therapist_alliance_pomp - neighbours.alliance_pomp
            as alliance_difference_pomp,
        episode_means.alliance_mean_pomp as alliance_client_mean_pomp,
        neighbours.alliance_pomp - episode_means.alliance_mean_pomp as alliance_within,
        episode_means.alliance_mean_pomp - grand_means.alliance_grand_mean_pomp
            as alliance_between,
        neighbours.alliance_pomp_lag1 - episode_means.alliance_mean_pomp
            as alliance_within_lag1,
        episode_means.n_alliance,
        outcome_instruments.instrument_id as outcome_instrument_id,
        neighbours.outcome_score,
        neighbours.outcome_next,
        neighbours.outcome_score - episode_means.outcome_mean as outcome_within,
        outcome_instruments.direction
        * (neighbours.outcome_next - neighbours.outcome_score) as improvement_next,
        neighbours.homework_set,
        neighbours.homework_percent,
        neighbours.feedback_reviewed,
        neighbours.alliance_score is null as is_alliance_missing,
        neighbours.outcome_score is null as is_outcome_missing,
        neighbours.alliance_pomp >= {{ var('alliance_ceiling_pomp') }} as is_alliance_ceiling,
        neighbours.is_last_session,
        neighbours.alliance_pomp_lead1 - episode_means.alliance_mean_pomp
            as alliance_within_lead1,
        alliance_instruments.timing as alliance_timing,
        outcome_instruments.timing as outcome_timing,
        neighbours.alliance_completed_at,
        neighbours.outcome_completed_at,
        neighbours.outcome_next_completed_at,
        {# After session t and before t + 1 ends: a form filled in late answers another question. #}
        case
            when neighbours.alliance_pomp is not null and neighbours.outcome_next is not null
                then
                    neighbours.alliance_completed_at < neighbours.outcome_next_completed_at
                    and cast(neighbours.outcome_next_completed_at as date)
                    <= cast(neighbours.session_at_next as date)
        end as is_pair_in_order,
        session_measures.empathy_pomp,
        session_measures.therapist_empathy_pomp,
        session_measures.observer_empathy_pomp,
        session_measures.positive_regard_pomp,
        session_measures.unconditionality_pomp,
        session_measures.congruence_pomp,
        session_measures.real_relationship_pomp,
        session_measures.therapist_real_relationship_pomp,
        session_measures.session_depth_pomp,
        session_measures.session_smoothness_pomp,
        session_measures.session_evaluation_score,
        session_measures.homework_quality_pomp,
        session_measures.rupture_reported,
        session_measures.rupture_intensity,
        session_measures.rupture_resolution,
        session_measures.therapist_rupture_reported,
        session_measures.therapist_rupture_intensity,
        session_measures.therapist_rupture_resolution

    from neighbours

    left join episode_means on neighbours.episode_key = episode_means.episode_key

    left join alliance_instruments
        on neighbours.episode_key = alliance_instruments.episode_key

    left join outcome_instruments
        on neighbours.episode_key = outcome_instruments.episode_key

    left join grand_means
        on alliance_instruments.instrument_id = grand_means.instrument_id

    left join session_measures on neighbours.session_key = session_measures.session_key

)

select * from parts
