{# Rows in the lake that no file record explains would be published without a balance. #}

select
    file_rows.clinic_id,
    file_rows.file_id,
    file_rows.table_name,
    file_rows.n_stored

from {{ ref('int_file_rows') }} as file_rows

left join {{ ref('dq_balance') }} as balances
    on
        file_rows.clinic_id = balances.clinic_id
        and file_rows.file_id = balances.file_id
        and file_rows.table_name = balances.table_name

where balances.file_id is null
