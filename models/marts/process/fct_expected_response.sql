with

forms as (

    select * from {{ ref('int_expected_response_forms') }}

),

predicted as (

    select * from {{ ref('int_expected_response') }}

    where part = 'form'

),

licensed as (

    select * from {{ ref('stg_lake__expected_curves') }}

),

licensed_instruments as (

    select distinct
        instrument_id,
        version

    from licensed

),

{# Of a licensed curve the latest session at or before this one counts. #}
licensed_limits as (

    select
        forms.form_code,
        licensed.expected,
        licensed.signal_limit,
        row_number() over (
            partition by forms.form_code
            order by licensed.session desc
        ) as session_choice

    from forms

    inner join licensed
        on
            forms.instrument_id = licensed.instrument_id
            and forms.version = licensed.version
            and forms.score_pre between licensed.intake_low and licensed.intake_high
            and forms.sessions_since_first >= licensed.session

),

joined as (

    select
        forms.*,
        licensed_instruments.instrument_id is not null as is_licensed,
        case when licensed_instruments.instrument_id is null then predicted.intake_band end
            as intake_band,
        case
            when licensed_instruments.instrument_id is null then predicted.expected
            else licensed_limits.expected
        end as expected,
        case when licensed_instruments.instrument_id is null then predicted.lower end as lower,
        case when licensed_instruments.instrument_id is null then predicted.upper end as upper,
        case
            when licensed_instruments.instrument_id is not null then licensed_limits.signal_limit
            when forms.direction = 1 then predicted.lower
            else predicted.upper
        end as signal_limit

    from forms

    left join predicted on forms.form_code = predicted.form_code

    left join licensed_instruments
        on
            forms.instrument_id = licensed_instruments.instrument_id
            and forms.version = licensed_instruments.version

    left join licensed_limits
        on
            forms.form_code = licensed_limits.form_code
            and licensed_limits.session_choice = 1

),

{# First scores of the courses the curve was learned from: one per episode. #}
first_scores as (

    select distinct
        episode_key,
        instrument_id,
        version,
        score_pre

    from forms

    where is_training

),

spreads as (

    select
        instrument_id,
        version,
        stddev_samp(score_pre) as sd_of_first_scores

    from first_scores

    group by
        instrument_id,
        version

),

judged as (

    select
        joined.*,
        case
            when not joined.is_licensed
                then
                    joined.direction * (joined.score - joined.expected)
                    / nullif(spreads.sd_of_first_scores, 0) + 0.0  -- no negative zero
        end as difference_in_sd,
        {{ compare('direction * score', "'<'", 'direction * signal_limit') }} as is_not_on_track

    from joined

    left join spreads
        on
            joined.instrument_id = spreads.instrument_id
            and joined.version = spreads.version

)

select
    clinic_id,
    episode_key,
    client_key,
    therapist_key,
    session_key,
    session_at,
    session_number,
    instrument_id,
    version,
    score_pre,
    score,
    sessions_since_first,
    intake_band,
    expected,
    lower,
    upper,
    signal_limit,
    difference_in_sd,
    is_not_on_track,
    case
        when is_not_on_track is not null
            then
                is_not_on_track
                and row_number() over (
                    partition by episode_key, is_not_on_track
                    order by session_number, session_key
                ) = 1
    end as is_first_signal,
    case
        when is_licensed then 'licensed'
        else 'site'
    end as curve_source,
    not is_licensed and is_training as is_cross_fitted,
    {{ cf_definition_version() }} as definition_version

from judged
