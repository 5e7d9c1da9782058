{{ cf_measure_table(
    'cf_attachment_alliance',
    caution='association, not cause: attachment and alliance are rated by the same client',
    target='target_instrument_id',
) }}
