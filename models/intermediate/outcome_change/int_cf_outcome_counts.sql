{#
    Per clinic, instrument, method and metric: how many, of how many. Ended courses with at least
    two attended treatment sessions. Recovery is of those who were a case at the start,
    improvement and deterioration are of everybody judged. A carer's rating counts where the course
    is judged by it. NHS Talking Therapies: of finished
    courses, recovery of finished less those known not to be a case.
#}

with

changes as (

    select * from {{ ref('fct_episode_change') }}

),

episodes as (

    select episodes.*

    from {{ ref('fct_episodes') }} as episodes

    inner join {{ ref('int_cf_outcome_candidates') }} as candidates
        on
            episodes.episode_key = candidates.episode_key
            and candidates.exclusion_reason is null

),

judged as (

    select changes.*

    from changes

    inner join episodes on changes.episode_key = episodes.episode_key

    where
        changes.change_class is not null
        and (changes.rater = 'client' or changes.is_primary_outcome)

),

nhs_clinics as (

    select distinct clinic_id
    from episodes
    where is_nhs_paired

),

counted as (

    {% for metric, event, denominator, scope in [
        (
            'recovered',
            "change_class = 'recovered'",
            'case at the first score',
            'is_case_at_start',
        ),
        ('reliably_improved', 'is_reliably_improved', 'two scores', 'true'),
        ('reliably_deteriorated', 'is_reliably_deteriorated', 'two scores', 'true'),
        (
            'unchanged',
            'not is_reliably_improved and not is_reliably_deteriorated',
            'two scores',
            'true',
        ),
    ] %}
    select
        clinic_id,
        clinic_group,
        instrument_id,
        version,
        method,
        '{{ metric }}' as metric,
        'ended course, {{ denominator }}' as denominator,
        count(*) filter (where {{ event }}) as n_events,
        count(*) as n_denominator

    from judged

    where {{ scope }}

    group by
        clinic_id,
        clinic_group,
        instrument_id,
        version,
        method

    union all

    {% endfor %}

    {% for metric, event, denominator, scope in [
        (
            'recovered',
            'nhs_is_recovered',
            'finished course less not a case',
            'coalesce(nhs_is_case_at_start, true)',
        ),
        (
            'reliably_recovered',
            'nhs_is_reliably_recovered',
            'finished course less not a case',
            'coalesce(nhs_is_case_at_start, true)',
        ),
        ('reliably_improved', 'nhs_is_reliably_improved', 'finished course', 'true'),
        ('reliably_deteriorated', 'nhs_is_reliably_deteriorated', 'finished course', 'true'),
        ('paired', 'is_nhs_paired', 'finished course', 'true'),
    ] %}
    select
        clinic_id,
        clinic_group,
        'phq9, gad7' as instrument_id,
        '' as version,
        'nhs_talking_therapies' as method,
        '{{ metric }}' as metric,
        '{{ denominator }}' as denominator,
        count(*) filter (where {{ event }}) as n_events,
        count(*) as n_denominator

    from episodes

    where
        is_nhs_finished_course
        and {{ scope }}
        and clinic_id in (select nhs_clinics.clinic_id from nhs_clinics)

    group by
        clinic_id,
        clinic_group

    {% if not loop.last %}union all{% endif %}

    {% endfor %}

)

select * from counted
