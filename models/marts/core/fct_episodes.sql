with

courses as (

    select * from {{ ref('int_episode_course') }}

),

changes as (

    select * from {{ ref('int_episode_outcomes') }}

),

nhs as (

    select * from {{ ref('int_episode_nhs') }}

),

early_alliance as (

    select * from {{ ref('int_early_alliance') }}

),

episode_instruments as (

    select * from {{ ref('int_episode_instruments') }}

),

client_ages as (

    select * from {{ ref('stg_lake__client_ages') }}

),

ages as (

    select
        client_key,
        start_date,
        max(age_years) as age_years

    from client_ages

    group by
        client_key,
        start_date

),

alliance_instruments as (

    select
        episode_key,
        instrument_id

    from episode_instruments

    where role = 'client_alliance'

),

joined as (

    select
        courses.clinic_id,
        courses.clinic_group,
        courses.episode_key,
        courses.client_key,
        courses.therapist_key,
        courses.therapist_share,
        courses.therapist_share < {{ var('main_therapist_min_share') }} as is_mixed_therapist,
        courses.is_derived,
        courses.referral_date,
        courses.start_date,
        courses.end_date,
        courses.first_session_at,
        courses.last_session_at,
        courses.n_sessions_booked,
        courses.n_sessions_attended,
        courses.modality,
        courses.problem,
        courses.step,
        courses.discharge_reason,
        courses.course_status,
        ages.age_years as age_years_at_start,
        changes.outcome_instrument_id,
        changes.outcome_rater,
        changes.outcome_pre,
        changes.outcome_post,
        changes.outcome_pre_at,
        changes.outcome_post_at,
        coalesce(changes.n_outcome_scores, 0) as n_outcome_scores,
        changes.improvement,
        changes.jt_rc_value,
        changes.jt_cutoff_value_at_start,
        changes.jt_cutoff_value,
        changes.jt_class,
        changes.jt_is_case_at_start,
        changes.is_reliably_improved,
        changes.is_reliably_deteriorated,
        nhs.phq9_pre as nhs_phq9_pre,
        nhs.phq9_post as nhs_phq9_post,
        nhs.gad7_pre as nhs_gad7_pre,
        nhs.gad7_post as nhs_gad7_post,
        nhs.anxiety_instrument_id as nhs_anxiety_instrument_id,
        nhs.anxiety_pre as nhs_anxiety_pre,
        nhs.anxiety_post as nhs_anxiety_post,
        coalesce(nhs.is_paired, false) as is_nhs_paired,
        courses.is_discharged and courses.n_sessions_attended >= 2 as is_nhs_finished_course,
        nhs.is_case_at_start as nhs_is_case_at_start,
        nhs.is_recovered as nhs_is_recovered,
        nhs.is_reliably_improved as nhs_is_reliably_improved,
        nhs.is_reliably_improved_strict as nhs_is_reliably_improved_strict,
        nhs.is_reliably_deteriorated as nhs_is_reliably_deteriorated,
        nhs.is_reliably_recovered as nhs_is_reliably_recovered,
        alliance_instruments.instrument_id as early_alliance_instrument_id,
        early_alliance.early_alliance,
        early_alliance.early_alliance_pomp,
        coalesce(early_alliance.n_early_alliance, 0) as n_early_alliance,
        cast(changes.outcome_pre_at as date) <= early_alliance.first_date
            as is_pre_up_to_early_alliance,
        early_alliance.last_up_to_early_alliance,
        early_alliance.post_after_early_alliance,
        early_alliance.alliance_session3_pomp,
        courses.is_dropout_eligible,
        case
            when courses.is_dropout_eligible then courses.course_status = 'dropout'
        end as dropout_unilateral,
        case
            when courses.is_dropout_eligible
                then courses.n_sessions_attended < {{ var('dropout_min_sessions') }}
        end as dropout_lt3,
        case
            when courses.is_dropout_eligible
                then courses.last_attendance in ('dna', 'cancelled_client')
        end as dropout_missed_last,
        case
            when courses.is_dropout_eligible then not changes.is_reliably_improved
        end as dropout_without_reliable_change

    from courses

    left join changes on courses.episode_key = changes.episode_key

    left join nhs on courses.episode_key = nhs.episode_key

    left join early_alliance on courses.episode_key = early_alliance.episode_key

    left join alliance_instruments
        on early_alliance.episode_key = alliance_instruments.episode_key

    left join ages
        on
            courses.client_key = ages.client_key
            and courses.start_date = ages.start_date

)

select * from joined
