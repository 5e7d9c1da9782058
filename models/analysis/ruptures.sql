{# One detector, so that nobody adds up what six of them say of the same session. #}
select
    'clinic' as scope_level,
    clinic_id as scope_id,
    clinic_id,
    detector,
    instrument_id,
    version,
    rater,
    count(*) as n_episodes,
    count(*) filter (where rupture_class in ('repaired', 'unrepaired')) as n_rupture_episodes,
    count(*) filter (where rupture_class = 'repaired') as n_repaired_episodes,
    count(*) filter (where rupture_class = 'unrepaired') as n_unrepaired_episodes,
    100
    * count(*) filter (where rupture_class in ('repaired', 'unrepaired'))
    / cast(count(*) as double) as rupture_percent,
    100
    * count(*) filter (where rupture_class = 'repaired')
    / nullif(
        cast(count(*) filter (where rupture_class in ('repaired', 'unrepaired')) as double), 0
    ) as repaired_percent

from {{ ref('cf_alliance_ruptures').include(database=false) }}

where
    detector = '{{ var("analysis_rupture_detector") }}'
    and is_judged
    and rupture_class <> 'not assessable'

group by
    clinic_id,
    detector,
    instrument_id,
    version,
    rater
