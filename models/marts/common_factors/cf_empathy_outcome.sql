{{ cf_measure_table(
    'cf_empathy_outcome',
    caution='association, not cause: clients who improve early may also feel better understood',
    compared=true,
) }}
