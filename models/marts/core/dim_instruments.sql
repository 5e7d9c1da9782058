with

instruments as (

    select * from {{ ref('stg_lake__instruments') }}

),

scales as (

    select * from {{ ref('stg_lake__scales') }}

),

joined as (

    select
        instruments.instrument_id,
        instruments.version,
        instruments.rater,
        instruments.language,
        instruments.is_default,
        instruments.name as instrument_name,
        instruments.family,
        instruments.timing,
        instruments.n_items,
        instruments.higher_is_better,
        instruments.is_scores_supplied,
        instruments.primary_scale,
        scales.score_min,
        scales.score_max,
        scales.cutoff_value,
        scales.cutoff_operator,
        scales.cutoff_source,
        scales.rc_value,
        scales.rc_operator,
        scales.rc_ci,
        scales.rc_method,
        scales.rc_source,
        scales.nhs_cutoff_value,
        scales.nhs_cutoff_operator,
        scales.nhs_rc_value,
        scales.nhs_rc_operator,
        instruments.definition_version,
        instruments.citation,
        instruments.licence

    from instruments

    left join scales
        on
            instruments.instrument_id = scales.instrument_id
            and instruments.version = scales.version
            and instruments.rater = scales.rater
            and instruments.language = scales.language
            and instruments.primary_scale = scales.scale

)

select * from joined
