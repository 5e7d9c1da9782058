{# 1 if a higher score of the instrument is better, -1 if lower; no row if its versions disagree. #}

with

instruments as (

    select * from {{ ref('stg_lake__instruments') }}

)

select
    instrument_id,
    min(case when higher_is_better then 1 else -1 end) as direction

from instruments

where higher_is_better is not null

group by instrument_id

having count(distinct higher_is_better) = 1
