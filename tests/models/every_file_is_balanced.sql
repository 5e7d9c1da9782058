{# Received = loaded + duplicate + superseded + quarantined + erased, or nothing is published. #}

select
    clinic_id,
    file_id,
    table_name,
    n_received,
    n_loaded,
    n_duplicate,
    n_superseded,
    n_quarantined,
    n_erased

from {{ ref('dq_balance') }}

where not is_balanced
