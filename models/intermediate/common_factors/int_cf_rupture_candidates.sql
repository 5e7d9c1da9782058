{% set landmark = var('rupture_landmark_session', 6) %}
{#
    Episodes whose rupture class at the landmark session can be set beside what came after it, or
    why not. The class is what had happened by then: ruptures begun before the landmark, regained by
    it or not; every client has attended so many sessions, so none had more of them to rupture or
    to repair in. The outcome is the change from the last score up to the landmark to the last
    score after it.
#}

{{ config(materialized = 'view') }}

with

ruptures as (

    select * from {{ ref('cf_alliance_ruptures') }}

),

events as (

    select * from {{ ref('int_rupture_events') }}

),

detectors as (

    select
        detector,
        max(baseline_sessions) as baseline_sessions
    from {{ ref('detectors') }}
    group by detector

),

episodes as (

    select * from {{ ref('fct_episodes') }}

),

outcomes as (

    select * from {{ ref('int_episode_instruments') }}

    where role = 'outcome'

),

process as (

    select * from {{ ref('fct_session_process') }}

    where
        outcome_score is not null
        and session_number is not null

),

{# Of each side of the landmark the last score. #}
sides as (

    select
        episode_key,
        session_number <= {{ landmark }} as is_before,
        {{ last_by('outcome_score', 'session_number', 'session_key') }} as outcome_score

    from process

    group by
        episode_key,
        session_number <= {{ landmark }}

),

changes as (

    select
        before.episode_key,
        outcomes.direction * (later.outcome_score - before.outcome_score) as improvement,
        outcomes.rc_operator,
        outcomes.rc_value

    from sides as before

    inner join sides as later
        on
            before.episode_key = later.episode_key
            and before.is_before
            and not later.is_before

    inner join outcomes on before.episode_key = outcomes.episode_key

),

begun as (

    select
        *,
        repair_state = 'repaired'
        and coalesce(repaired_position, position) <= {{ landmark }} as is_regained,
        kind = 'report' or coalesce(position_ahead_1 <= {{ landmark }}, false) as is_followed

    from events

    where position < {{ landmark }}

),

states as (

    select
        episode_key,
        detector,
        instrument_id,
        version,
        count(*) filter (where is_regained) as n_regained,
        count(*) filter (where not is_regained and is_followed) as n_unregained,
        count(*) filter (where not is_regained and not is_followed) as n_unknown

    from begun

    group by
        episode_key,
        detector,
        instrument_id,
        version

),

classed as (

    select
        ruptures.clinic_id,
        ruptures.clinic_group,
        ruptures.client_key,
        ruptures.episode_key,
        ruptures.detector,
        ruptures.instrument_id,
        ruptures.version,
        case
            when not ruptures.is_judged then 'not assessable'
            when states.n_unregained > 0 then 'unrepaired'
            when states.n_unknown > 0 then 'not assessable'
            when states.n_regained > 0 then 'repaired'
            else 'none'
        end as rupture_class,
        coalesce(detectors.baseline_sessions + 1 >= {{ landmark }}, false) as is_too_early

    from ruptures

    left join states
        on
            ruptures.episode_key = states.episode_key
            and ruptures.detector = states.detector
            and ruptures.instrument_id = states.instrument_id
            and ruptures.version = states.version

    left join detectors on ruptures.detector = detectors.detector

),

judged as (

    select
        classed.*,
        episodes.outcome_instrument_id,
        episodes.therapist_key,
        episodes.start_date,
        changes.improvement,
        case
            when changes.improvement is not null
                then {{ compare('changes.improvement', 'changes.rc_operator', 'changes.rc_value') }}
        end as is_reliably_improved,
        episodes.dropout_unilateral,
        episodes.n_sessions_attended,
        case
            when episodes.n_sessions_attended < {{ landmark }}
                then 'fewer than {{ landmark }} sessions attended'
            when classed.is_too_early then 'detector cannot fire before the landmark'
            when classed.rupture_class = 'not assessable' then 'rupture class not assessable'
            when changes.improvement is null
                then 'no outcome score up to the landmark and after it'
        end as missing_reason

    from classed

    inner join episodes on classed.episode_key = episodes.episode_key

    left join changes on classed.episode_key = changes.episode_key

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by client_key, detector, missing_reason is null
            order by start_date, episode_key, instrument_id, version
        ) as client_episode_number

    from judged

)

select
    ranked.*,
    coalesce(
        missing_reason,
        case when client_episode_number > 1 then 'later episode of a client counted once' end
    ) as exclusion_reason,
    case rupture_class when 'none' then 0 when 'repaired' then 1 when 'unrepaired' then 2 end
        as class_code,
    dense_rank() over (
        partition by missing_reason is null and client_episode_number = 1
        order by clinic_id, detector, instrument_id, version, outcome_instrument_id
    ) - 1 as stratum

from ranked
