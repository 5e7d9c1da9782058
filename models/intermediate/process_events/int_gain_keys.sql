{# One row per series: an episode and an outcome instrument in which gains are looked for. #}

with

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

forms as (

    select * from {{ ref('int_gain_forms') }}

),

cutoffs as (

    select * from {{ ref('int_gain_cutoffs') }}

),

followed as (

    select
        episode_key as series_key,
        episode_key,
        instrument_id,
        version,
        true as is_primary_outcome

    from episode_instruments

    where
        role = 'outcome'
        and rater = 'client'

    union all

    select distinct
        {{ key_of('series', ['episode_key', 'instrument_id', 'version']) }} as series_key,
        episode_key,
        instrument_id,
        version,
        false as is_primary_outcome

    from forms

)

select
    followed.series_key,
    followed.episode_key,
    followed.is_primary_outcome,
    cutoffs.*

from followed

inner join cutoffs
    on
        followed.instrument_id = cutoffs.instrument_id
        and followed.version = cutoffs.version
