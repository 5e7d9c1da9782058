{{ cf_measure_table(
    'cf_goal_consensus_collaboration',
    caution='association, not cause: goal and task agreement are parts of one alliance form',
) }}
