{#
    Scored forms of the relationship measures, beside alliance and outcome: one row per response and
    measure. Countertransference forms score either the reaction (lower is better) or how it is
    managed (higher is better).
#}

with

scores as (

    select * from {{ ref('stg_lake__scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

measures as (

    select
        instrument_id,
        version,
        rater,
        scale,
        score_min,
        score_max,
        case
            when family = 'empathy' and is_primary then 'empathy'
            when family = 'core_condition' and scale = 'empathy' then 'empathy'
            when family = 'core_condition' and scale = 'regard' then 'positive_regard'
            when family = 'core_condition' and scale = 'unconditionality' then 'unconditionality'
            when family = 'core_condition' and scale = 'congruence' then 'congruence'
            when instrument_id in ('rri_c', 'rri_t') and is_primary then 'real_relationship'
            when instrument_id = 'seq' and scale = 'depth' then 'session_depth'
            when instrument_id = 'seq' and scale = 'smoothness' then 'session_smoothness'
            when instrument_id = 'ses' and is_primary then 'session_evaluation'
            when instrument_id = 'psq' and scale = 'occurrence' then 'rupture_occurrence'
            when instrument_id = 'psq' and scale = 'intensity' then 'rupture_intensity'
            when instrument_id = 'psq' and scale = 'resolution' then 'rupture_resolution'
            when instrument_id = 'hrs2' and is_primary then 'homework_quality'
            when family = 'goal' and is_primary then 'goals_set'
            when family = 'attachment' and scale = 'anxiety' then 'anxiety'
            when family = 'attachment' and scale = 'avoidance' then 'avoidance'
            when family = 'countertransference' and is_primary and direction = -1
                then 'countertransference'
            when family = 'countertransference' and is_primary then 'management'
        end as measure

    from scales

),

responses as (

    select * from {{ ref('int_responses') }}

),

derived_contacts as (

    select * from {{ ref('int_derived_contacts') }}

),

measured as (

    select
        scores.response_key,
        scores.instrument_id,
        scores.version,
        scores.rater,
        measures.measure,
        scores.score,
        {{ pomp('scores.score', 'measures.score_min', 'measures.score_max') }} as pomp

    from scores

    inner join measures
        on
            scores.instrument_id = measures.instrument_id
            and scores.version = measures.version
            and scores.rater = measures.rater
            and scores.scale = measures.scale

    where
        scores.score is not null
        and measures.measure is not null

),

placed as (

    select
        responses.clinic_id,
        coalesce(responses.delivered_episode_key, derived_contacts.episode_key) as episode_key,
        responses.session_key,
        responses.completed_at,
        measured.*

    from measured

    inner join responses on measured.response_key = responses.response_key

    left join derived_contacts
        on
            responses.client_key = derived_contacts.client_key
            and responses.clinic_id = derived_contacts.clinic_id
            and responses.contact_date = derived_contacts.contact_date

    where coalesce(responses.delivered_episode_key, derived_contacts.episode_key) is not null

)

select * from placed
