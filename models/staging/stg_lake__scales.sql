with

lake_rows as (

    select * from {{ lake('scales') }}

),

selected as (

    select

        ---------- ids
        instrument_id,
        version,
        rater,
        language,
        scale,

        ---------- strings
        cutoff_operator,
        cutoff_source,
        rc_operator,
        rc_method,
        rc_source,
        nhs_cutoff_operator,
        nhs_rc_operator,
        reliability_kind,
        reliability_source,

        ---------- numerics
        n_items,
        score_min,
        score_max,
        cutoff_value,
        rc_value,
        rc_ci,
        nhs_cutoff_value,
        nhs_rc_value,
        functional_mean,
        functional_sd,
        clinical_mean,
        clinical_sd,
        norm_sd,
        reliability,

        ---------- booleans
        higher_is_better

    from lake_rows

)

select * from selected
