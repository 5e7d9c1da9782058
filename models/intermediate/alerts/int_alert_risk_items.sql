{#
    Every form with a positive risk answer. It ends with the next form of the client on the same
    instrument that clearly has none; an unanswered risk item is not an all-clear.
#}

with

flags as (

    select * from {{ ref('stg_lake__flags') }}

),

flagged_instruments as (

    select distinct
        instrument_id,
        flag

    from flags

),

scales as (

    select * from {{ ref('int_scales') }}

    where is_primary

),

forms as (

    select
        scores.clinic_id,
        scores.client_key,
        scores.episode_key,
        scores.session_key,
        scores.therapist_key,
        scores.response_key,
        scores.instrument_id,
        scores.completed_at,
        scores.source_file,
        scores.source_line,
        flagged_instruments.flag

    from {{ ref('fct_scores') }} as scores

    inner join flagged_instruments on scores.instrument_id = flagged_instruments.instrument_id

    inner join scales
        on
            scores.instrument_id = scales.instrument_id
            and scores.version = scales.version
            and scores.rater = scales.rater
            and scores.scale = scales.scale

),

judged as (

    select
        forms.*,
        flags.label,
        flags.definition_version,
        coalesce(flags.is_raised, false) as is_raised,
        min(case when flags.response_key is null then forms.completed_at end) over (
            partition by forms.clinic_id, forms.client_key, forms.instrument_id, forms.flag
            order by forms.completed_at, forms.response_key
            rows between 1 following and unbounded following
        ) as ended_at

    from forms

    left join flags
        on
            forms.response_key = flags.response_key
            and forms.flag = flags.flag

)

select
    'risk_item' as alert_kind,
    clinic_id,
    client_key,
    episode_key,
    session_key,
    therapist_key,
    completed_at as raised_at,
    instrument_id,
    cast(null as double) as threshold,
    label as rule,
    ended_at,
    case when ended_at is not null then 'later form without it' end as ended_because,
    response_key,
    flag,
    source_file,
    source_line,
    definition_version

from judged

where is_raised
