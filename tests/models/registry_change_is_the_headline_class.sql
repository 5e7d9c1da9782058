{# The method `registry` of the primary instrument is jt_class of fct_episodes, row by row. #}

with

changes as (

    select
        clinic_id,
        episode_key,
        change_class,
        is_reliably_improved,
        is_reliably_deteriorated

    from {{ ref('fct_episode_change') }}

    where
        method = 'registry'
        and is_primary_outcome

),

episodes as (

    select * from {{ ref('fct_episodes') }}

    where jt_class is not null

)

select
    coalesce(changes.clinic_id, episodes.clinic_id) as clinic_id,
    count(*) as n_different

from changes

full join episodes on changes.episode_key = episodes.episode_key

where
    changes.change_class is distinct from episodes.jt_class
    or changes.is_reliably_improved is distinct from episodes.is_reliably_improved
    or changes.is_reliably_deteriorated is distinct from episodes.is_reliably_deteriorated

group by coalesce(changes.clinic_id, episodes.clinic_id)
