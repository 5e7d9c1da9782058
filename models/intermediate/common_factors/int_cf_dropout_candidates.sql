{# 1 dropout, 0 not, -1 the definition cannot be judged; only eligible episodes are judged. #}

{% set definitions = [
    'dropout_unilateral',
    'dropout_lt3',
    'dropout_missed_last',
    'dropout_without_reliable_change',
] %}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

reasoned as (

    select
        episodes.*,
        case
            when is_dropout_eligible then null
            when course_status in ('open', 'inactive_open') then 'not discharged'
            when course_status in ('declined', 'not_taken_on') then 'declined or not taken on'
            when course_status = 'unknown' then 'discharge reason unknown'
            else 'not eligible for another reason'
        end as exclusion_reason

    from episodes

    where n_sessions_attended >= 1

)

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by clinic_id
                ) - 1
    end as stratum,
    dense_rank() over (order by therapist_key) as therapist_code,
    {% for definition in definitions %}
    case {{ definition }} when true then 1.0 when false then 0.0 else -1.0 end as {{ definition }}{{ ',' if not loop.last }}
    {% endfor %}

from reasoned
