with

site as (

    select * from {{ ref('int_expected_response') }}

    where part = 'curve'

),

licensed as (

    select * from {{ ref('stg_lake__expected_curves') }}

),

replaced as (

    select distinct
        instrument_id,
        version

    from licensed

)

select
    site.instrument_id,
    site.version,
    site.intake_low,
    site.intake_high,
    site.session,
    site.expected,
    site.signal_limit,
    site.n_episodes,
    'this installation' as source,
    replaced.instrument_id is null as is_used

from site

left join replaced
    on
        site.instrument_id = replaced.instrument_id
        and site.version = replaced.version

union all

select
    instrument_id,
    version,
    intake_low,
    intake_high,
    cast(session as bigint) as session,
    expected,
    signal_limit,
    null as n_episodes,
    source,
    true as is_used

from licensed
