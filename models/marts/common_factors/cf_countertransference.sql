{{ cf_measure_table(
    'cf_countertransference',
    caution='association, not cause: therapists rate themselves; pooled only, never for one of them',
    target='target_instrument_id',
    moments=false,
) }}
