with

approvals as (

    select * from {{ ref('stg_lake__approvals') }}

),

selected as (

    select
        run_id,
        asked_at,
        asked_because,
        choice,
        decided_by,
        reason,
        decided_at

    from approvals

)

select * from selected
