{# Rows of each accepted file in the lake, and how many of them are still current. #}

{% set tables = ['responses', 'sessions', 'episodes', 'clients', 'therapists'] %}

with

{% for table in tables %}
    {{ table }} as (

        select * from {{ lake(table) }}

    ),

    current_{{ table }} as (

        select * from {{ ref('stg_lake__' ~ table) }}

    ),

{% endfor %}
stored as (

    {% for table in tables %}
        select
            clinic_id,
            file_id,
            '{{ table }}' as table_name,
            count(*) as n_stored

        from {{ table }}

        group by
            clinic_id,
            file_id

        {% if not loop.last %}union all{% endif %}

    {% endfor %}
),

current_rows as (

    {% for table in tables %}
        select
            clinic_id,
            file_id,
            '{{ table }}' as table_name,
            count(*) as n_current

        from current_{{ table }}

        group by
            clinic_id,
            file_id

        {% if not loop.last %}union all{% endif %}

    {% endfor %}
),

joined as (

    select
        stored.clinic_id,
        stored.file_id,
        stored.table_name,
        stored.n_stored,
        coalesce(current_rows.n_current, 0) as n_current

    from stored

    left join current_rows
        on
            stored.clinic_id = current_rows.clinic_id
            and stored.file_id = current_rows.file_id
            and stored.table_name = current_rows.table_name

)

select * from joined
