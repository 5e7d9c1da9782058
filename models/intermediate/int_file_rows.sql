{# Rows of each accepted file in the lake, how many are current and how many were deleted. #}

{%
    set keys = {
        'responses': 'response_key',
        'sessions': 'session_key',
        'episodes': 'episode_key',
        'clients': 'client_key',
        'therapists': 'therapist_row_key',
    }
%}
{% set tables = keys.keys() %}

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

deleted as (

    {% for table, key in keys.items() %}
        select
            {{ table }}.clinic_id,
            {{ table }}.file_id,
            '{{ table }}' as table_name,
            count(*) as n_deleted

        from {{ table }}

        inner join {{ lake('superseded_' ~ table) }} as gone
            on
                {{ table }}.{{ key }} = gone.row_key
                and {{ table }}.file_id = gone.file_id
                and {{ table }}.source_line = gone.source_line

        where gone.reason = 'absent from snapshot'

        group by
            {{ table }}.clinic_id,
            {{ table }}.file_id

        {% if not loop.last %}union all{% endif %}

    {% endfor %}
),

joined as (

    select
        stored.clinic_id,
        stored.file_id,
        stored.table_name,
        stored.n_stored,
        coalesce(current_rows.n_current, 0) as n_current,
        coalesce(deleted.n_deleted, 0) as n_deleted

    from stored

    left join current_rows
        on
            stored.clinic_id = current_rows.clinic_id
            and stored.file_id = current_rows.file_id
            and stored.table_name = current_rows.table_name

    left join deleted
        on
            stored.clinic_id = deleted.clinic_id
            and stored.file_id = deleted.file_id
            and stored.table_name = deleted.table_name

)

select * from joined
