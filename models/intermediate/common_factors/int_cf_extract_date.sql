{# The clock of every cf_ table: the latest date the data of any clinic show. #}

with

clinics as (

    select * from {{ ref('dim_clinics') }}

)

select max(extract_date) as extract_date
from clinics
