with

lake_rows as (

    select * from {{ lake('instruments') }}

),

selected as (

    select

        ---------- ids
        instrument_id,
        version,
        rater,
        language,

        ---------- strings
        name,
        family,
        timing,
        primary_scale,
        definition_version,
        citation,
        licence,

        ---------- numerics
        n_items,
        item_min,
        item_max,
        item_step,

        ---------- booleans
        is_default,
        higher_is_better,
        is_scores_supplied

    from lake_rows

)

select * from selected
