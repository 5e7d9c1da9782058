{#
    One row per session with such a form: every column takes the form completed last. Intensity and
    resolution of a rupture count only where the same rater reported one.
#}

{% set pairs = [
    ('empathy_pomp', 'client', 'empathy', 'pomp'),
    ('therapist_empathy_pomp', 'therapist', 'empathy', 'pomp'),
    ('observer_empathy_pomp', 'observer', 'empathy', 'pomp'),
    ('positive_regard_pomp', 'client', 'positive_regard', 'pomp'),
    ('unconditionality_pomp', 'client', 'unconditionality', 'pomp'),
    ('congruence_pomp', 'client', 'congruence', 'pomp'),
    ('real_relationship_pomp', 'client', 'real_relationship', 'pomp'),
    ('therapist_real_relationship_pomp', 'therapist', 'real_relationship', 'pomp'),
    ('session_depth_pomp', 'client', 'session_depth', 'pomp'),
    ('session_smoothness_pomp', 'client', 'session_smoothness', 'pomp'),
    ('session_evaluation_score', 'client', 'session_evaluation', 'score'),
    ('homework_quality_pomp', 'client', 'homework_quality', 'pomp'),
    ('occurrence_client', 'client', 'rupture_occurrence', 'score'),
    ('intensity_client', 'client', 'rupture_intensity', 'score'),
    ('resolution_client', 'client', 'rupture_resolution', 'score'),
    ('occurrence_therapist', 'therapist', 'rupture_occurrence', 'score'),
    ('intensity_therapist', 'therapist', 'rupture_intensity', 'score'),
    ('resolution_therapist', 'therapist', 'rupture_resolution', 'score'),
] %}

with

measure_scores as (

    select * from {{ ref('int_measure_scores') }}

),

by_session as (

    select
        session_key,
        {% for name, rater, measure, value in pairs %}
            {{ last_by(value, 'completed_at', 'response_key') }}
            filter (where rater = '{{ rater }}' and measure = '{{ measure }}') as {{ name }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}

    from measure_scores

    where session_key is not null

    group by session_key

),

answered as (

    select
        session_key,
        {% for name, rater, measure, value in pairs if measure[:7] != 'rupture' %}
            {{ name }},
        {% endfor %}
        {% for rater, prefix in [('client', ''), ('therapist', 'therapist_')] %}
            occurrence_{{ rater }} >= 1 as {{ prefix }}rupture_reported,
            case when occurrence_{{ rater }} >= 1 then intensity_{{ rater }} end
                as {{ prefix }}rupture_intensity,
            case when occurrence_{{ rater }} >= 1 then resolution_{{ rater }} end
                as {{ prefix }}rupture_resolution
            {%- if not loop.last %},{% endif %}
        {% endfor %}

    from by_session

)

select * from answered
