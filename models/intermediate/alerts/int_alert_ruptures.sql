{#
    Ruptures of the detectors that alert; several detectors at one session are one alert. A detector
    that finds no more than noise in {{ var('alert_noise_episodes', 50) }} courses or more of a form,
    or fires on nearly everyone, does not alert on it (docs/adr/0068).
#}

with

ruptures as (

    select * from {{ ref('fct_ruptures') }}

),

sessions as (

    select
        episode_key,
        session_number,
        session_at

    from {{ ref('fct_sessions') }}

    where session_number is not null

),

{# Over all clinics: which form a detector has been found to be useless on. #}
no_better_than_noise as (

    select
        detector,
        instrument_id,
        version

    from {{ ref('int_cf_rupture_base_rates') }}

    where
        scope_level = 'overall'
        and n_episodes >= {{ var('alert_noise_episodes', 50) }}
        and standing in ('no more than noise', 'fires on nearly everyone')

),

kinds as (

    {% for kind, detectors in [
        ('alliance_drop', var('alert_drop_detectors')),
        ('alliance_trigger', var('alert_trigger_detectors')),
    ] %}
        {% for detector in detectors %}
            select
                '{{ kind }}' as alert_kind,
                '{{ detector }}' as detector
            union all
            select
                'unrepaired_rupture' as alert_kind,
                '{{ detector }}' as detector
            union all
        {% endfor %}
    {% endfor %}
    select
        'unrepaired_rupture' as alert_kind,
        'self_report' as detector

),

{#
    That a rupture was not repaired is known when the sessions it had for it are over. What a client
    reports is known with the form: unless it says resolved, somebody is told the next morning.
#}
timed as (

    select
        kinds.alert_kind,
        ruptures.*,
        coalesce(ruptures.drop_needed_points, ruptures.limit_score) as threshold,
        case
            when kinds.detector = 'self_report' then ruptures.session_at
            when kinds.alert_kind = 'unrepaired_rupture' then decided.session_at
            else ruptures.session_at
        end as raised_at,
        repaired.session_at as repaired_at

    from ruptures

    inner join kinds on ruptures.detector = kinds.detector

    left join sessions as repaired
        on
            ruptures.episode_key = repaired.episode_key
            and ruptures.repaired_session_number = repaired.session_number

    left join sessions as decided
        on
            ruptures.episode_key = decided.episode_key
            and decided.session_number = ruptures.session_number + {{ var('rupture_repair_sessions', 3) }}

    left join no_better_than_noise
        on
            ruptures.detector = no_better_than_noise.detector
            and ruptures.instrument_id = no_better_than_noise.instrument_id
            and ruptures.version = no_better_than_noise.version

    where
        no_better_than_noise.detector is null
        and (
            kinds.alert_kind <> 'unrepaired_rupture'
            or ruptures.repair_state = 'unrepaired'
            or (kinds.detector = 'self_report' and ruptures.resolution is null)
        )

)

select
    alert_kind,
    clinic_id,
    client_key,
    episode_key,
    session_key,
    therapist_key,
    coalesce(min(raised_at), min(session_at)) as raised_at,
    min(instrument_id) as instrument_id,
    max(threshold) as threshold,
    {{ cf_list_of('detector', 'detector') }} as rule,
    case when count(*) = count(repaired_at) then max(repaired_at) end as ended_at,
    case when count(*) = count(repaired_at) then 'repaired' end as ended_because

from timed

group by
    alert_kind,
    clinic_id,
    client_key,
    episode_key,
    session_key,
    therapist_key
