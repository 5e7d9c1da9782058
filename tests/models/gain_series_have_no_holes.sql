{# Neighbors are found row by row, so every series must have every session from 1 on. #}
select
    series_key,
    count(*) as n_rows

from {{ ref('int_gain_series') }}

group by series_key

having
    count(*) <> max(position)
    or sum(position) <> count(*) * (count(*) + 1) / 2
    or min(position) <> 1
