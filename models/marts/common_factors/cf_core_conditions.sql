{{ cf_measure_table(
    'cf_core_conditions',
    caution='association, not cause: the conditions are rated by people who know how it goes',
) }}
