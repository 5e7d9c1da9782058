with

methods as (

    select * from {{ ref('int_change_methods') }}

)

select
    instrument_id,
    version,
    rater,
    method,
    label,
    kind,
    why_not is null as is_usable,
    why_not,
    direction,
    basis,
    post_weight,
    pre_weight,
    constant,
    critical,
    operator,
    cutoff,
    start_cutoff,
    start_operator,
    end_cutoff,
    end_operator,
    sd,
    sd_source,
    mean,
    mean_source,
    reliability,
    reliability_source,
    n_reference,
    source,
    evidence

from methods
