{#
    Joins are many to one: a current row of the lake is one row of core, no more and no less.
    Countertransference is kept out of core on purpose.
#}

with

counts as (

    select
        'scores' as table_name,
        (
            select count(*) from {{ ref('stg_lake__scores') }} as lake_scores
            where
                lake_scores.instrument_id not in (
                    select pooled.instrument_id from {{ ref('stg_lake__instruments') }} as pooled
                    where pooled.family = 'countertransference'
                )
        ) as n_lake,
        (select count(*) from {{ ref('fct_scores') }}) as n_core

    union all

    select
        'sessions' as table_name,
        (select count(*) from {{ ref('stg_lake__sessions') }}) as n_lake,
        (select count(*) filter (where not is_derived) from {{ ref('fct_sessions') }}) as n_core

    union all

    select
        'episodes' as table_name,
        (select count(*) from {{ ref('stg_lake__episodes') }}) as n_lake,
        (select count(*) filter (where not is_derived) from {{ ref('fct_episodes') }}) as n_core

)

select *

from counts

where n_lake != n_core
