{#
    One row per episode of a clinic that collects both sides' rating of the alliance: usable for
    bias (both rated a session) and for the surface (both rated early, and an outcome after it).
    Early ratings are the means over the jointly rated sessions up to the fifth, around the middle
    of the scale, in tens of percent. Outcome scores are turned so that higher is better.
#}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

joint_sessions as (

    select * from {{ ref('cf_congruence_sessions') }}

),

directions as (

    select * from {{ ref('int_cf_outcome_directions') }}

),

clinics_with_both as (

    select distinct clinic_id from joint_sessions

),

dyads as (

    select
        episode_key,
        min(client_instrument_id) as client_instrument_id,
        min(therapist_instrument_id) as therapist_instrument_id,
        avg(client_pomp) filter (where is_early) as early_client_pomp,
        avg(therapist_pomp) filter (where is_early) as early_therapist_pomp,
        min(session_at) filter (where is_early) as first_early_at,
        max(session_at) filter (where is_early) as last_early_at

    from joint_sessions

    group by episode_key

),

later_outcomes as (

    select
        dyads.episode_key,
        {{ last_by('process.outcome_score', 'process.session_at', 'process.session_key') }}
            as post_score

    from dyads

    inner join process
        on
            dyads.episode_key = process.episode_key
            and cast(dyads.last_early_at as date) < cast(process.outcome_completed_at as date)

    where process.outcome_score is not null

    group by dyads.episode_key

),

paired as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.episode_key,
        episodes.client_key,
        episodes.start_date,
        episodes.outcome_instrument_id,
        coalesce(episodes.therapist_key, episodes.episode_key) as cluster_key,
        dyads.client_instrument_id,
        dyads.therapist_instrument_id,
        (dyads.early_client_pomp - 50) / 10 as early_client,
        (dyads.early_therapist_pomp - 50) / 10 as early_therapist,
        cast(episodes.outcome_pre * directions.direction as double) as pre_score,
        cast(later_outcomes.post_score * directions.direction as double) as post_score,
        cast(episodes.outcome_pre_at as date) > cast(dyads.first_early_at as date)
            as is_pre_too_late,
        dyads.episode_key is null as is_never_joint

    from episodes

    inner join clinics_with_both on episodes.clinic_id = clinics_with_both.clinic_id

    left join dyads on episodes.episode_key = dyads.episode_key

    left join later_outcomes on episodes.episode_key = later_outcomes.episode_key

    left join directions on episodes.outcome_instrument_id = directions.instrument_id

    where episodes.n_sessions_attended >= 1

),

{% set analyses = ['bias', 'surface'] %}
judged as (

    {% for analysis in analyses %}
    select
        paired.*,
        '{{ analysis }}' as analysis,
        case
            when is_never_joint then 'no session rated by client and therapist'
            {% if analysis == 'surface' %}
            when early_client is null
                then 'no session up to '
                || '{{ var("early_alliance_last_session", 5) }} rated by client and therapist'
            when pre_score is null then 'no first outcome score'
            when is_pre_too_late then 'first outcome score only after the ratings'
            when post_score is null then 'no outcome score after the ratings'
            {% endif %}
        end as missing_reason

    from paired
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by client_key, analysis, missing_reason is null
            order by start_date, episode_key
        ) as client_episode_number

    from judged

),

reasoned as (

    select
        ranked.*,
        coalesce(
            missing_reason,
            case when client_episode_number > 1 then 'later episode of a client counted once' end
        ) as exclusion_reason

    from ranked

)

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    analysis,
    client_instrument_id,
    therapist_instrument_id,
    outcome_instrument_id,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by analysis, exclusion_reason is null
                    order by
                        clinic_id,
                        client_instrument_id,
                        therapist_instrument_id,
                        case when analysis = 'surface' then outcome_instrument_id end
                ) - 1
    end as stratum,
    dense_rank() over (order by episode_key) as dyad_code,
    dense_rank() over (order by cluster_key) as therapist_code,
    early_client,
    early_therapist,
    pre_score,
    post_score

from reasoned
