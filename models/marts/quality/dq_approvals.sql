with

approvals as (

    select * from {{ lake('approvals') }}

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
