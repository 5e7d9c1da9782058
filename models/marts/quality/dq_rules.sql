with

rules as (

    select * from {{ ref('stg_lake__rules') }}

),

selected as (

    select
        rule_id,
        table_name,
        title,
        category,
        severity,
        threshold,
        denominator,
        owner,
        why,
        downstream,
        remedy,
        takes_row_out

    from rules

)

select * from selected
