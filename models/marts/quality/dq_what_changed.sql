{# The build adds its own rows to what earlier releases said (pipeline/audit/class_changes.py). #}

with

what_changed as (

    select * from {{ lake('what_changed') }}

)

select
    run_id,
    run_at,
    earlier_run_id,
    clinic_id,
    instrument_id,
    version,
    method,
    cause,
    class_before,
    class_after,
    n_episodes,
    n_compared

from what_changed
