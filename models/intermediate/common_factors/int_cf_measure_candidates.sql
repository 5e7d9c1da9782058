{#
    One row per analysis and episode of a clinic that uses the measure: usable, or why not. x is
    the measure early in treatment, y what it is set beside, `given` the first outcome score where
    y is the last. Outcome scores are turned so that higher is better, and lie after the last form
    of the measure.
#}

{% set analyses = [
    ('cf_empathy_outcome', 'empathy', 'empathy', 'outcome'),
    ('cf_core_conditions', 'positive_regard', 'positive_regard', 'outcome'),
    ('cf_core_conditions', 'unconditionality', 'unconditionality', 'outcome'),
    ('cf_core_conditions', 'congruence', 'congruence', 'outcome'),
    ('cf_core_conditions', 'real_relationship', 'real_relationship', 'outcome'),
    ('cf_goal_consensus_collaboration', 'goal_consensus', 'goal_consensus', 'outcome'),
    ('cf_goal_consensus_collaboration', 'collaboration', 'collaboration', 'outcome'),
    ('cf_goal_consensus_collaboration', 'goals_set', 'goals_set', 'outcome'),
    ('cf_attachment_alliance', 'anxiety_alliance', 'anxiety', 'alliance'),
    ('cf_attachment_alliance', 'avoidance_alliance', 'avoidance', 'alliance'),
    ('cf_attachment_alliance', 'anxiety_outcome', 'anxiety', 'outcome'),
    ('cf_attachment_alliance', 'avoidance_outcome', 'avoidance', 'outcome'),
    ('cf_countertransference', 'countertransference_outcome', 'countertransference', 'outcome'),
    ('cf_countertransference', 'management_outcome', 'management', 'outcome'),
    (
        'cf_countertransference', 'management_countertransference', 'management',
        'countertransference'
    ),
] %}

with

episodes as (

    select * from {{ ref('fct_episodes') }}

),

process as (

    select * from {{ ref('fct_session_process') }}

),

directions as (

    select * from {{ ref('int_cf_outcome_directions') }}

),

early_values as (

    select * from {{ ref('int_cf_measure_values') }}

),

analyses as (

    {% for table_name, metric, measure, target in analyses %}
    select
        '{{ table_name }}' as table_name,
        '{{ metric }}' as metric,
        '{{ measure }}' as measure,
        '{{ target }}' as target
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

{# The last outcome score on a later day than the last form of the measure. #}

later_outcomes as (

    select
        early_values.episode_key,
        early_values.measure,
        early_values.rater,
        early_values.instrument_id,
        early_values.version,
        {{ last_by('process.outcome_score', 'process.session_at', 'process.session_key') }}
            as post_score

    from early_values

    inner join process
        on
            early_values.episode_key = process.episode_key
            and early_values.last_date < cast(process.outcome_completed_at as date)

    where process.outcome_score is not null

    group by
        early_values.episode_key,
        early_values.measure,
        early_values.rater,
        early_values.instrument_id,
        early_values.version

),

reactions as (

    select
        episode_key,
        instrument_id,
        value,
        row_number() over (
            partition by episode_key
            order by instrument_id, version, rater
        ) as reaction_number

    from early_values

    where measure = 'countertransference'

),

clinic_measures as (

    select distinct
        early_values.clinic_id,
        early_values.measure,
        early_values.rater,
        early_values.instrument_id,
        early_values.version

    from early_values

),

expected as (

    select
        episodes.clinic_id,
        episodes.clinic_group,
        episodes.episode_key,
        episodes.client_key,
        episodes.start_date,
        coalesce(episodes.therapist_key, episodes.episode_key) as cluster_key,
        episodes.outcome_instrument_id,
        episodes.outcome_pre,
        cast(episodes.outcome_pre_at as date) as outcome_pre_date,
        episodes.early_alliance_instrument_id,
        episodes.early_alliance_pomp,
        analyses.table_name,
        analyses.metric,
        analyses.target,
        clinic_measures.measure,
        clinic_measures.rater,
        clinic_measures.instrument_id,
        clinic_measures.version

    from episodes

    inner join clinic_measures on episodes.clinic_id = clinic_measures.clinic_id

    inner join analyses on clinic_measures.measure = analyses.measure

    where episodes.n_sessions_attended >= 1

),

paired as (

    select
        expected.clinic_id,
        expected.clinic_group,
        expected.episode_key,
        expected.client_key,
        expected.cluster_key,
        expected.start_date,
        expected.table_name,
        expected.metric,
        expected.target,
        expected.rater,
        expected.instrument_id,
        expected.version,
        cast(early_values.value as double) as x,
        expected.outcome_pre_date > early_values.first_date as is_pre_too_late,
        case expected.target
            when 'alliance' then expected.early_alliance_instrument_id
            when 'countertransference' then reactions.instrument_id
            else expected.outcome_instrument_id
        end as target_instrument_id,
        cast(case expected.target
            when 'alliance' then expected.early_alliance_pomp
            when 'countertransference' then reactions.value
            else later_outcomes.post_score * directions.direction
        end as double) as y,
        cast(case
            when expected.target = 'outcome' then expected.outcome_pre * directions.direction
        end as double) as given

    from expected

    left join early_values
        on
            expected.episode_key = early_values.episode_key
            and expected.measure = early_values.measure
            and expected.rater = early_values.rater
            and expected.instrument_id = early_values.instrument_id
            and expected.version = early_values.version

    left join later_outcomes
        on
            expected.episode_key = later_outcomes.episode_key
            and expected.measure = later_outcomes.measure
            and expected.rater = later_outcomes.rater
            and expected.instrument_id = later_outcomes.instrument_id
            and expected.version = later_outcomes.version

    left join reactions
        on
            expected.episode_key = reactions.episode_key
            and reactions.reaction_number = 1

    left join directions on expected.outcome_instrument_id = directions.instrument_id

),

judged as (

    select
        paired.*,
        case
            when x is null
                then 'measure not taken up to session {{ var("early_alliance_last_session", 5) }}'
            when target = 'alliance' and y is null then 'no early client-rated alliance'
            when target = 'countertransference' and y is null
                then 'no countertransference score beside it'
            when target = 'outcome' and given is null then 'no first outcome score'
            when target = 'outcome' and is_pre_too_late
                then 'first outcome score only after the measure'
            when y is null then 'no outcome score after the measure'
        end as missing_reason

    from paired

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by client_key, metric, rater, instrument_id, version, missing_reason is null
            order by start_date, episode_key
        ) as client_episode_number

    from judged

),

reasoned as (

    select
        ranked.*,
        coalesce(
            missing_reason,
            case when client_episode_number > 1 then 'later episode of a client counted once' end
        ) as exclusion_reason

    from ranked

)

select
    clinic_id,
    clinic_group,
    episode_key,
    client_key,
    table_name,
    metric,
    target,
    rater,
    instrument_id,
    version,
    target_instrument_id,
    exclusion_reason,
    case
        when exclusion_reason is null
            then
                dense_rank() over (
                    partition by exclusion_reason is null
                    order by
                        clinic_id, table_name, metric, rater, instrument_id, version,
                        target_instrument_id
                ) - 1
    end as stratum,
    dense_rank() over (order by cluster_key) as therapist_code,
    x,
    y,
    given

from reasoned
