{#
    Which scales of the registry measure what, beside alliance and outcome: one row per instrument,
    version, rater and scale. Countertransference forms score either the reaction (lower is
    better) or how it is managed (higher is better).
#}

with

scales as (

    select * from {{ ref('int_scales') }}

),

named as (

    select
        instrument_id,
        version,
        rater,
        scale,
        score_min,
        score_max,
        case
            when family = 'empathy' and is_primary then 'empathy'
            when family = 'core_condition' and scale = 'empathy' then 'empathy'
            when family = 'core_condition' and scale = 'regard' then 'positive_regard'
            when family = 'core_condition' and scale = 'unconditionality' then 'unconditionality'
            when family = 'core_condition' and scale = 'congruence' then 'congruence'
            when instrument_id in ('rri_c', 'rri_t') and is_primary then 'real_relationship'
            when instrument_id = 'seq' and scale = 'depth' then 'session_depth'
            when instrument_id = 'seq' and scale = 'smoothness' then 'session_smoothness'
            when instrument_id = 'ses' and is_primary then 'session_evaluation'
            when instrument_id = 'psq' and scale = 'occurrence' then 'rupture_occurrence'
            when instrument_id = 'psq' and scale = 'intensity' then 'rupture_intensity'
            when instrument_id = 'psq' and scale = 'resolution' then 'rupture_resolution'
            when instrument_id = 'hrs2' and is_primary then 'homework_quality'
            when family = 'goal' and is_primary then 'goals_set'
            when family = 'attachment' and scale = 'anxiety' then 'anxiety'
            when family = 'attachment' and scale = 'avoidance' then 'avoidance'
            when family = 'countertransference' and is_primary and direction = -1
                then 'countertransference'
            when family = 'countertransference' and is_primary then 'management'
        end as measure

    from scales

)

select *

from named

where measure is not null
