{#
    One row per series and attended treatment session, also where no score came: positions are
    sessions 1, 2, 3 and so on without a hole, and a missing score stays missing.
#}

with

{# Once per reader: a CTE that is read twice would be copied as a whole. #}
{% for reader in ['primary', 'other'] %}

{{ reader }}_sessions as (

    select * from {{ ref('fct_session_process') }}

),

{{ reader }}_keys as (

    select * from {{ ref('int_gain_keys') }}

),

{% endfor %}

forms as (

    select * from {{ ref('int_gain_forms') }}

)

select
    primary_keys.series_key,
    primary_sessions.session_number as position,
    primary_sessions.outcome_score as value,
    primary_keys.direction,
    primary_keys.score_min,
    primary_keys.score_max,
    primary_keys.cutoff

from primary_sessions

inner join primary_keys on primary_sessions.episode_key = primary_keys.episode_key

where
    primary_keys.is_primary_outcome
    and primary_sessions.session_number is not null

union all

select
    other_keys.series_key,
    other_sessions.session_number as position,
    forms.score as value,
    other_keys.direction,
    other_keys.score_min,
    other_keys.score_max,
    other_keys.cutoff

from other_keys

inner join other_sessions on other_keys.episode_key = other_sessions.episode_key

left join forms
    on
        other_keys.episode_key = forms.episode_key
        and other_keys.instrument_id = forms.instrument_id
        and other_keys.version = forms.version
        and other_sessions.session_number = forms.session_number

where
    not other_keys.is_primary_outcome
    and other_sessions.session_number is not null
