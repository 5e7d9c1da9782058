{#
    A row that is delivered again keeps one entry per rule and column, where it was delivered
    last. It is fixed once a later delivery of its key no longer says so: the row was corrected, or
    deleted at the clinic where a full snapshot lacks it.
#}

with

findings as (

    select * from {{ ref('int_quarantine_findings') }}

),

deliveries as (

    select * from {{ ref('int_quarantine_deliveries') }}

),

files as (

    select
        clinic_id,
        file_id,
        max(received_at) as received_at

    from {{ ref('stg_lake__files') }}

    group by
        clinic_id,
        file_id

),

{# Rows without a key are followed by their file, which a full snapshot replaces. #}
replaced_files as (

    select
        clinic_id,
        table_name,
        earlier_file_id,
        min(happened_at) as replaced_at,
        {{ first_by('source_file', 'happened_at', 'source_file') }} as source_file

    from {{ ref('stg_lake__quarantine_events') }}

    where event = 'deleted'

    group by
        clinic_id,
        table_name,
        earlier_file_id

),

erasures as (

    select
        clinic_id,
        table_name,
        row_key,
        max(happened_at) as erased_at

    from {{ ref('stg_lake__quarantine_events') }}

    where event = 'erased'

    group by
        clinic_id,
        table_name,
        row_key

),

waivers as (

    select * from {{ ref('stg_lake__waivers') }}

    where is_active

),

rules as (

    select * from {{ ref('stg_lake__rules') }}

),

placed as (

    select
        findings.*,
        deliveries.delivery_number,
        -- A row without a key cannot be followed from file to file.
        case when findings.row_key is null then findings.file_id end as only_file_id,
        case when findings.row_key is null then findings.source_line end as only_line

    from findings

    left join deliveries
        on
            findings.clinic_id = deliveries.clinic_id
            and findings.table_name = deliveries.table_name
            and findings.row_key = deliveries.row_key
            and findings.file_id = deliveries.file_id

),

latest as (

    select
        *,
        min(first_seen) over entry as entry_first_seen,
        max(last_seen) over entry as entry_last_seen,
        dense_rank() over (
            entry
            order by is_still_said desc, coalesce(delivery_number, 0) desc, file_id desc
        ) as place_rank

    from placed

    window entry as (
        partition by
            clinic_id, table_name, row_key, only_file_id, only_line, rule_id, column_name
    )

),

repaired as (

    select
        latest.*,
        case
            when not latest.is_still_said then latest.source_file
            else coalesce(next_delivery.source_file, replaced_files.source_file)
        end as fixed_by_file,
        case
            when not latest.is_still_said then files.received_at
            else coalesce(next_delivery.arrived_at, replaced_files.replaced_at)
        end as fixed_at,
        case
            when not latest.is_still_said then 'corrected'
            when next_delivery.event = 'delivered' then 'corrected'
            when next_delivery.event = 'deleted' then 'deleted'
            when replaced_files.replaced_at is not null then 'deleted'
        end as fixed_how

    from latest

    left join replaced_files
        on
            latest.clinic_id = replaced_files.clinic_id
            and latest.table_name = replaced_files.table_name
            and latest.only_file_id = replaced_files.earlier_file_id

    left join deliveries as next_delivery
        on
            latest.clinic_id = next_delivery.clinic_id
            and latest.table_name = next_delivery.table_name
            and latest.row_key = next_delivery.row_key
            and next_delivery.delivery_number = latest.delivery_number + 1

    left join files
        on
            latest.clinic_id = files.clinic_id
            and latest.file_id = files.file_id

    where latest.place_rank = 1

),

selected as (

    select
        repaired.clinic_id,
        repaired.table_name,
        repaired.file_id,
        repaired.source_file,
        repaired.source_sheet,
        repaired.source_line,
        repaired.row_key,
        case when erasures.erased_at is null then repaired.client_key end as client_key,
        repaired.rule_id,
        rules.title,
        repaired.column_name,
        repaired.reason,
        repaired.severity,
        repaired.entry_first_seen as first_seen,
        repaired.entry_last_seen as last_seen,
        case
            when erasures.erased_at >= repaired.entry_last_seen then 'erased'
            when repaired.fixed_at is not null then 'fixed'
            when not repaired.takes_row_out then 'flagged'
            when exists (
                select 1
                from waivers
                where
                    waivers.rule_id = repaired.rule_id
                    and coalesce(waivers.clinic_id, repaired.clinic_id) = repaired.clinic_id
                    and coalesce(waivers.table_name, repaired.table_name) = repaired.table_name
                    and coalesce(waivers.source_file, repaired.source_file) = repaired.source_file
                    and (
                        waivers.column_name is null
                        or waivers.column_name = repaired.column_name
                    )
            ) then 'waived'
            else 'open'
        end as status,
        repaired.fixed_by_file,
        repaired.fixed_at,
        repaired.fixed_how

    from repaired

    left join erasures
        on
            repaired.clinic_id = erasures.clinic_id
            and repaired.table_name = erasures.table_name
            and repaired.row_key = erasures.row_key

    left join rules on repaired.rule_id = rules.rule_id

)

select * from selected
