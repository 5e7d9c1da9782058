-- Case-mix cells of episodes (problem, age, gender, employment), of fields the clinic delivers;
-- broken: empty ones.
with cells as (
    select
        episodes.clinic_id,
        field.name as field,
        case field.name
            when 'problem' then episodes.problem
            when 'age' then cast(episodes.age_years_at_start as varchar)
            when 'gender' then clients.gender
            else clients.employment
        end as cell
    from core.fct_episodes as episodes
    left join core.dim_clients as clients
        on episodes.clinic_id = clients.clinic_id and episodes.client_key = clients.client_key
    cross join (values ('problem'), ('age'), ('gender'), ('employment')) as field(name)
),
fields as (
    select clinic_id, field, count(*) as n_cells, count(*) - count(cell) as n_empty
    from cells
    group by clinic_id, field
    having count(cell) > 0
)
select
    clinic_id,
    'core.fct_episodes' as table_name,
    sum(n_cells) as n_scope,
    sum(n_empty) as n_failed,
    string_agg(field || ' ' || n_empty || ' of ' || n_cells, ', ' order by field) as detail
from fields
group by clinic_id
