{#
    What detectors read beside the alliance total, one row per treatment session: the lowest
    single item of an alliance form whose trigger has an item rule, and the client's own report
    of a rupture. Of two forms of a session the one completed last counts, as elsewhere. The
    alliance is one series per episode, reports are one per questionnaire.
#}

with

scores as (

    select * from {{ ref('fct_scores') }}

),

scales as (

    select * from {{ ref('int_scales') }}

),

registry_scales as (

    select * from {{ ref('stg_lake__scales') }}

),

detectors as (

    select * from {{ ref('detectors') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

single_items as (

    select distinct
        instrument_id,
        version,
        rater,
        scale

    from registry_scales

    where n_items = 1

),

wanted as (

    select
        scales.instrument_id,
        scales.version,
        scales.rater,
        scales.scale,
        scales.family,
        scales.is_primary,
        single_items.scale is not null as is_item

    from scales

    left join single_items
        on
            scales.instrument_id = single_items.instrument_id
            and scales.version = single_items.version
            and scales.rater = single_items.rater
            and scales.scale = single_items.scale

    where
        scales.rater = 'client'
        and (
            scales.family = 'rupture'
            or exists (
                select 1
                from detectors
                where
                    detectors.item_threshold is not null
                    and scales.instrument_id = detectors.instrument_id
                    and scales.version = detectors.version
            )
        )

),

by_form as (

    select
        scores.session_key,
        scores.response_key,
        scores.completed_at,
        scores.instrument_id,
        scores.version,
        wanted.family,
        max(case when wanted.is_primary then scores.score end) as score,
        min(case when wanted.is_item and not wanted.is_primary then scores.score end)
            as lowest_item,
        max(case when scores.scale = 'intensity' then scores.score end) as intensity,
        max(case when scores.scale = 'resolution' then scores.score end) as resolution

    from scores

    inner join wanted
        on
            scores.instrument_id = wanted.instrument_id
            and scores.version = wanted.version
            and scores.rater = wanted.rater
            and scores.scale = wanted.scale

    where scores.session_key is not null

    group by
        scores.session_key,
        scores.response_key,
        scores.completed_at,
        scores.instrument_id,
        scores.version,
        wanted.family

),

by_session as (

    select
        case
            when by_form.family = 'alliance' then sessions.episode_key
            else {{ key_of('reports', [
                'sessions.episode_key', 'by_form.instrument_id', 'by_form.version'
            ]) }}
        end as series_key,
        sessions.episode_key,
        sessions.session_number,
        by_form.instrument_id,
        by_form.version,
        by_form.family,
        {% for value in ['score', 'lowest_item', 'intensity', 'resolution'] %}
            {{ last_by('by_form.' ~ value, 'by_form.completed_at', 'by_form.response_key') }}
                as {{ value }}{{ ',' if not loop.last }}
        {% endfor %}

    from by_form

    inner join sessions on by_form.session_key = sessions.session_key

    where
        sessions.session_number is not null
        and by_form.score is not null

    group by
        sessions.episode_key,
        sessions.session_number,
        by_form.instrument_id,
        by_form.version,
        by_form.family

)

select * from by_session
