{#
    Joins are many to one: a current row of the lake is one row of core, no more and no less.
    Countertransference is kept out of core on purpose.
#}

with

pooled as (

    select distinct instrument_id

    from {{ ref('stg_lake__instruments') }}

    where family = 'countertransference'

),

counts as (

    select
        responses.clinic_id,
        'scores' as table_name,
        count(*) as n_lake,
        0 as n_core

    from {{ ref('stg_lake__scores') }} as lake_scores

    left join {{ ref('stg_lake__responses') }} as responses
        on lake_scores.response_key = responses.response_key

    {{ anti_join() }} pooled on lake_scores.instrument_id = pooled.instrument_id

    group by responses.clinic_id

    union all

    select
        clinic_id,
        'scores' as table_name,
        0 as n_lake,
        count(*) as n_core

    from {{ ref('fct_scores') }}

    group by clinic_id

    {% for table in ['sessions', 'episodes'] %}
        union all

        select
            clinic_id,
            '{{ table }}' as table_name,
            count(*) as n_lake,
            0 as n_core

        from {{ ref('stg_lake__' ~ table) }}

        group by clinic_id

        union all

        select
            clinic_id,
            '{{ table }}' as table_name,
            0 as n_lake,
            count(*) as n_core

        from {{ ref('fct_' ~ table) }}

        where not is_derived

        group by clinic_id
    {% endfor %}

)

select
    clinic_id,
    table_name,
    sum(n_lake) as n_lake,
    sum(n_core) as n_core

from counts

group by
    clinic_id,
    table_name

having sum(n_lake) != sum(n_core)
