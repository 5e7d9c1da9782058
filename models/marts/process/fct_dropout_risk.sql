with

sessions as (

    select * from {{ ref('int_dropout_risk_sessions') }}

),

hazards as (

    select * from {{ ref('int_dropout_risk') }}

    where part = 'session'

)

select
    sessions.clinic_id,
    sessions.episode_key,
    sessions.client_key,
    sessions.therapist_key,
    sessions.session_key,
    sessions.session_at,
    sessions.session_number,
    hazards.hazard,
    hazards.threshold,
    hazards.hazard >= hazards.threshold as is_at_risk,
    sessions.event >= 0 as is_cross_fitted,
    {{ cf_definition_version() }} as definition_version

from sessions

inner join hazards on sessions.form_code = hazards.form_code
