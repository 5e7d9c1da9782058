{#
    The registry's scales as scores look them up. A definition may exist in several languages;
    scores take the default one's range and thresholds.
#}

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
        scales.scale,
        instruments.family,
        scales.scale = instruments.primary_scale as is_primary,
        scales.score_min,
        scales.score_max,
        case when scales.higher_is_better then 1 else -1 end as direction,
        scales.cutoff_value,
        scales.cutoff_operator,
        scales.rc_value,
        scales.rc_operator,
        scales.nhs_cutoff_value,
        scales.nhs_cutoff_operator,
        scales.nhs_rc_value,
        scales.nhs_rc_operator,
        scales.functional_mean,
        scales.functional_sd,
        scales.clinical_mean,
        scales.clinical_sd,
        scales.norm_sd,
        scales.reliability,
        scales.reliability_source,
        row_number() over (
            partition by
                instruments.instrument_id,
                instruments.version,
                instruments.rater,
                scales.scale
            order by instruments.is_default desc, instruments.language
        ) as language_number

    from instruments

    inner join scales
        on
            instruments.instrument_id = scales.instrument_id
            and instruments.version = scales.version
            and instruments.rater = scales.rater
            and instruments.language = scales.language

),

chosen as (

    select
        instrument_id,
        version,
        rater,
        scale,
        family,
        is_primary,
        score_min,
        score_max,
        direction,
        cutoff_value,
        cutoff_operator,
        rc_value,
        rc_operator,
        nhs_cutoff_value,
        nhs_cutoff_operator,
        nhs_rc_value,
        nhs_rc_operator,
        functional_mean,
        functional_sd,
        clinical_mean,
        clinical_sd,
        norm_sd,
        reliability,
        reliability_source

    from joined

    where language_number = 1

)

select * from chosen
