{#
    One row per series and rated treatment session. Of a questionnaire that asks whether a
    rupture occurred, the value is 1 for none and 0 for one, so that lower is worse everywhere.
#}

{{ config(materialized = 'view') }}

with

process as (

    select * from {{ ref('fct_session_process') }}

),

forms as (

    select * from {{ ref('int_rupture_forms') }}

),

rupture_keys as (

    select * from {{ ref('int_rupture_keys') }}

),

item_forms as (

    select
        episode_key,
        session_number,
        lowest_item

    from forms

    where family = 'alliance'

),

rated as (

    select
        process.episode_key as series_key,
        process.session_number as position,
        process.alliance_score as value,
        item_forms.lowest_item

    from process

    left join item_forms
        on
            process.episode_key = item_forms.episode_key
            and process.session_number = item_forms.session_number

    where
        process.session_number is not null
        and process.alliance_score is not null

),

reported as (

    select
        rupture_keys.series_key,
        forms.session_number as position,
        1.0 - forms.score as value,
        cast(null as double) as lowest_item

    from forms

    inner join rupture_keys
        on
            forms.episode_key = rupture_keys.episode_key
            and forms.instrument_id = rupture_keys.instrument_id
            and forms.version = rupture_keys.version

    where forms.family = 'rupture'

)

select * from rated

union all

select * from reported
