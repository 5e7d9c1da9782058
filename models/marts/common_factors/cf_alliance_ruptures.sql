with

rules as (

    select * from {{ ref('int_rupture_rules') }}

),

ruptures as (

    select * from {{ ref('int_rupture_events') }}

),

ratings as (

    select * from {{ ref('int_rupture_ratings') }}

),

noise as (

    select * from {{ ref('int_rupture_noise') }}

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

counted as (

    select
        series_key,
        detector,
        count(*) as n_ruptures,
        max(continuing_count) as continuing_count,
        {% for state in [
            'repaired', 'unrepaired', 'unrepaired_terminal', 'pending', 'not_rated_after'
        ] %}
            sum(case when repair_state = '{{ state }}' then 1 else 0 end) as n_{{ state }},
        {% endfor %}
        sum(case when is_strictly_repaired then 1 else 0 end) as n_strictly_repaired,
        sum(case when is_v_shape then 1 else 0 end) as n_v_shapes,
        max(depth_points) as deepest_points

    from ruptures

    group by
        series_key,
        detector

),

{# Sessions at which the client was asked for a rupture; of several forms one that reports it counts. #}
reports as (

    select
        rules.episode_key,
        ratings.position,
        min(ratings.value) < 1 as is_reported

    from ratings

    inner join rules
        on
            ratings.series_key = rules.series_key
            and rules.kind = 'report'

    group by
        rules.episode_key,
        ratings.position

),

{# A detector is held against the report of a session at which it could fire. #}
compared as (

    select
        rules.series_key,
        rules.detector,
        {% for name, report, found in [
            ('reported_found', 'reports.is_reported', 'is not null'),
            ('reported_missed', 'reports.is_reported', 'is null'),
            ('unreported_found', 'not reports.is_reported', 'is not null'),
            ('unreported_quiet', 'not reports.is_reported', 'is null'),
        ] %}
            count(*) filter (where {{ report }} and ruptures.series_key {{ found }}) as n_{{ name }}
            {{- ',' if not loop.last }}
        {% endfor %}

    from rules

    inner join ratings on rules.series_key = ratings.series_key

    inner join reports
        on
            rules.episode_key = reports.episode_key
            and ratings.position = reports.position

    left join ruptures
        on
            rules.series_key = ruptures.series_key
            and rules.detector = ruptures.detector
            and ratings.position between ruptures.position and ruptures.last_firing_position

    where
        rules.not_assessable_reason is null
        and case
            when rules.kind in ('drop_sd', 'drop_reliable') then ratings.fall is not null
            when rules.kind = 'control_chart'
                then ratings.range_count >= rules.baseline_sessions - 1 and ratings.mean_range > 0
            else rules.kind = 'trigger'
        end

    group by
        rules.series_key,
        rules.detector

),

joined as (

    select
        rules.*,
        noise.n_noise_series,
        noise.n_noise_ruptures,
        noise.n_noise_repaired,
        noise.n_noise_unrepaired,
        compared.n_reported_found,
        compared.n_reported_missed,
        compared.n_unreported_found,
        compared.n_unreported_quiet,
        {% for count in [
            'n_ruptures', 'n_repaired', 'n_unrepaired', 'n_unrepaired_terminal', 'n_pending',
            'n_not_rated_after', 'n_strictly_repaired', 'n_v_shapes',
        ] %}
            cast(coalesce(counted.{{ count }}, 0) as bigint) as {{ count }},
        {% endfor %}
        counted.deepest_points,
        {# A session in which a level detector still fires could not begin a rupture. #}
        case
            when rules.kind in ('drop_sd', 'drop_reliable') then rules.pair_count
            when rules.kind = 'control_chart' then rules.chart_count
            else rules.rating_count
        end - coalesce(counted.continuing_count, 0) as opportunity_count

    from rules

    left join counted
        on
            rules.series_key = counted.series_key
            and rules.detector = counted.detector

    left join compared
        on
            rules.series_key = compared.series_key
            and rules.detector = compared.detector

    left join noise
        on
            cast(rules.series_key as {{ dbt.type_string() }}) = noise.series_key
            and rules.detector = noise.detector

),

{# The class rests on ruptures that could be judged: unrepaired outweighs repaired. #}
classed as (

    select
        *,
        case
            when not_assessable_reason is not null then not_assessable_reason
            when n_ruptures = 0 or n_repaired + n_unrepaired > 0 then null
            when n_unrepaired_terminal > 0 then 'only a drop into the last session'
            when n_pending > 0 then 'treatment open, repair still possible'
            else 'no rating after the rupture'
        end as class_reason

    from joined

)

select
    'clinic' as scope_level,
    classed.clinic_id as scope_id,
    classed.clinic_id,
    classed.clinic_group,
    classed.client_key,
    classed.therapist_key,
    classed.episode_key,
    classed.detector,
    classed.instrument_id,
    classed.version,
    classed.rater,
    case
        when classed.class_reason is not null then 'not assessable'
        when classed.n_ruptures = 0 then 'none'
        when classed.n_unrepaired > 0 then 'unrepaired'
        else 'repaired'
    end as rupture_class,
    classed.class_reason as not_assessable_reason,
    classed.not_assessable_reason is null as is_judged,
    classed.n_ruptures,
    cast(classed.opportunity_count as bigint) as n_opportunities,
    classed.n_repaired,
    classed.n_strictly_repaired,
    classed.n_unrepaired,
    classed.n_unrepaired_terminal,
    classed.n_pending,
    classed.n_not_rated_after,
    classed.n_v_shapes,
    classed.deepest_points,
    classed.rating_count as n_ratings,
    classed.mean_pomp as alliance_mean_pomp,
    classed.is_ceiling_limited,
    classed.sd_within as sd_within_points,
    classed.sd_used as sd_used_points,
    classed.fall_needed as drop_needed_points,
    coalesce(classed.is_u_shape, false) as is_u_shape,
    classed.quadratic as u_quadratic_points,
    classed.turning_position as u_turning_session,
    {% for count in [
        'n_noise_series', 'n_noise_ruptures', 'n_noise_repaired', 'n_noise_unrepaired',
        'n_reported_found', 'n_reported_missed', 'n_unreported_found', 'n_unreported_quiet',
    ] %}
        classed.{{ count }},
    {% endfor %}
    classed.evidence,
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: what a detector calls a rupture depends on its rule' as caution

from classed

cross join extract_dates
