{% set z = 'z' %}
{% set smallest = var('small_number', 11) %}
{% set classes = ['none', 'repaired', 'unrepaired'] %}

with

{# Twice, because a CTE that is read twice would be copied as a whole. #}
ruptures as (

    select * from {{ ref('cf_alliance_ruptures') }}

),

not_assessable as (

    select * from {{ ref('cf_alliance_ruptures') }}
    where not_assessable_reason is not null

),

benchmarks as (

    select * from {{ ref('benchmarks') }}

),

{# The normal quantile of a 95 % interval. #}
normal as (

    select quantile as z

    from {{ ref('int_quantiles') }}

    where freedom is null

),

extract_dates as (

    select * from {{ ref('int_cf_extract_date') }}

),

{# Sums per clinic add up to groups and to all, so no row is copied per scope. #}
by_clinic as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        rater,
        count(*) as candidate_count,
        count(distinct case when is_judged then client_key end) as client_count,
        count(distinct case when is_judged then therapist_key end) as therapist_count,
        sum(case when is_judged then 1 else 0 end) as judged_count,
        {% for class in classes %}
            sum(case when rupture_class = '{{ class }}' then 1 else 0 end) as {{ class }}_count,
        {% endfor %}
        sum(case when is_judged and n_ruptures > 0 then 1 else 0 end) as with_rupture_count,
        {% for count in [
            'n_ruptures', 'n_opportunities', 'n_repaired', 'n_unrepaired',
            'n_unrepaired_terminal', 'n_pending', 'n_not_rated_after', 'n_v_shapes',
        ] %}
            sum(case when is_judged then {{ count }} else 0 end) as {{ count }},
        {% endfor %}
        sum(case when is_judged then n_ruptures * n_ruptures else 0 end) as rupture_squares,
        sum(case when is_judged then n_ruptures * n_opportunities else 0 end) as cross_products,
        sum(case when is_judged then n_opportunities * n_opportunities else 0 end)
            as opportunity_squares,
        sum(case when is_judged and is_u_shape then 1 else 0 end) as u_shape_count

    from ruptures

    group by
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        rater

),

scoped as (

    {{ cf_scoped('by_clinic') }}

),

summed as (

    select
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version,
        rater,
        {% for count in [
            'candidate_count', 'client_count', 'therapist_count', 'judged_count', 'none_count',
            'repaired_count', 'unrepaired_count', 'with_rupture_count', 'n_ruptures',
            'n_opportunities', 'n_repaired', 'n_unrepaired', 'n_unrepaired_terminal', 'n_pending',
            'n_not_rated_after', 'n_v_shapes', 'rupture_squares', 'cross_products',
            'opportunity_squares', 'u_shape_count',
        ] %}
            cast(sum({{ count }}) as bigint) as {{ count }}{{ ',' if not loop.last }}
        {% endfor %}

    from scoped

    group by
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version,
        rater

),

clinic_reasons as (

    select
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        not_assessable_reason as reason,
        count(*) as clinic_count

    from not_assessable

    group by
        clinic_id,
        clinic_group,
        detector,
        instrument_id,
        version,
        not_assessable_reason

),

scoped_reasons as (

    {{ cf_scoped('clinic_reasons') }}

),

reason_counts as (

    select
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version,
        reason,
        cast(sum(clinic_count) as bigint) as reason_count

    from scoped_reasons

    group by
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version,
        reason

),

reasons as (

    select
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version,
        {{ cf_list_of(
            "reason || ': ' || " ~ cf_count_in_words('reason_count'),
            'reason_count desc, reason',
        ) }} as exclusion_reasons

    from reason_counts

    group by
        scope_level,
        scope_id,
        detector,
        instrument_id,
        version

),

rates as (

    select
        *,
        judged_count - with_rupture_count as without_rupture_count,
        n_ruptures / nullif(cast(n_opportunities as double), 0) as rate,
        n_unrepaired_terminal + n_pending + n_not_rated_after as n_undecided,
        with_rupture_count / nullif(cast(judged_count as double), 0) as rupture_share,
        repaired_count / nullif(cast(repaired_count + unrepaired_count as double), 0)
            as repaired_share,
        cast(repaired_count + unrepaired_count as double) as ruptured_count

    from summed

),

with_z as (

    select
        rates.*,
        normal.z

    from rates

    cross join normal

),

{# Variance of a ratio of sums with episodes as clusters (Taylor); Wilson for the shares. #}
intervals as (

    select
        *,
        sqrt(
            greatest(
                rupture_squares
                - 2 * rate * cross_products
                + rate * rate * opportunity_squares,
                0
            )
            * judged_count
            / nullif(judged_count - 1, 0)
        ) / nullif(n_opportunities, 0) as rate_se,
        {% for share, size in [
            ('rupture_share', 'cast(judged_count as double)'), ('repaired_share', 'ruptured_count')
        ] %}
            {% set half = z ~ ' * sqrt(' ~ share ~ ' * (1 - ' ~ share ~ ') / ' ~ size ~ ' + '
                ~ z ~ ' * ' ~ z ~ ' / (4 * ' ~ size ~ ' * ' ~ size ~ '))' %}
            {% set center = share ~ ' + ' ~ z ~ ' * ' ~ z ~ ' / (2 * ' ~ size ~ ')' %}
            {% set scale = '1 + ' ~ z ~ ' * ' ~ z ~ ' / ' ~ size %}
            {# 0 of n reaches down to 0 and n of n up to 1: rounding must not go beyond. #}
            case
                when {{ share }} is null then null
                when {{ share }} = 0 then 0
                else ({{ center }} - {{ half }}) / ({{ scale }})
            end as {{ share }}_low,
            case
                when {{ share }} is null then null
                when {{ share }} = 1 then 1
                else ({{ center }} + {{ half }}) / ({{ scale }})
            end as {{ share }}_high{{ ',' if not loop.last }}
        {% endfor %}

    from with_z

),

{# A cell of 1 to small_number - 1 hides what it could be derived from (domain 4.20). #}
labeled as (

    select
        *,
        judged_count >= {{ smallest }}
        and with_rupture_count not between 1 and {{ smallest - 1 }}
        and without_rupture_count not between 1 and {{ smallest - 1 }} as is_shown,
        {% for shown, counts in [
            ('classes', [
                'none_count', 'repaired_count', 'unrepaired_count',
                'judged_count - none_count - repaired_count - unrepaired_count',
            ]),
            ('states', ['n_repaired', 'n_unrepaired', 'n_undecided']),
            ('terminals', ['n_unrepaired_terminal', 'n_undecided - n_unrepaired_terminal']),
            ('v_shapes', ['n_v_shapes', 'n_ruptures - n_v_shapes']),
            ('u_shapes', ['u_shape_count', 'judged_count - u_shape_count']),
        ] %}
            {% for count in counts %}
                {{ count }} not between 1 and {{ smallest - 1 }}{{ ' and' if not loop.last }}
            {% endfor %} as are_{{ shown }}_shown{{ ',' if not loop.last }}
        {% endfor %}

    from intervals

)

select
    labeled.scope_level,
    labeled.scope_id,
    labeled.detector,
    labeled.instrument_id,
    labeled.version,
    labeled.rater,
    'ruptures_per_opportunity' as metric,
    case when labeled.is_shown then labeled.rate end as estimate,
    case when labeled.is_shown and labeled.rate_se > 0
        then greatest(labeled.rate - labeled.z * labeled.rate_se, 0) end as ci_low,
    case when labeled.is_shown and labeled.rate_se > 0
        then labeled.rate + labeled.z * labeled.rate_se end as ci_high,
    cast(0.95 as double) as ci_level,
    {% for share, shown in [
        ('rupture', 'is_shown'), ('repaired', 'is_shown and labeled.are_classes_shown')
    ] %}
        case when labeled.{{ shown }} then 100 * labeled.{{ share }}_share end as {{ share }}_percent,
        case when labeled.{{ shown }} then 100 * labeled.{{ share }}_share_low end
            as {{ share }}_percent_ci_low,
        case when labeled.{{ shown }} then 100 * labeled.{{ share }}_share_high end
            as {{ share }}_percent_ci_high,
    {% endfor %}
    {% for class in classes %}
        case when labeled.is_shown and labeled.are_classes_shown then labeled.{{ class }}_count end
            as n_{{ class }}_episodes,
    {% endfor %}
    case when labeled.is_shown then labeled.with_rupture_count end as n_rupture_episodes,
    {% for count in ['n_ruptures', 'n_opportunities'] %}
        case when labeled.is_shown then labeled.{{ count }} end as {{ count }},
    {% endfor %}
    {% for count, shown in [
        ('n_repaired', 'states'),
        ('n_unrepaired', 'states'),
        ('n_undecided', 'states'),
        ('n_unrepaired_terminal', 'states_shown and labeled.are_terminals'),
        ('n_v_shapes', 'v_shapes'),
    ] %}
        case when labeled.is_shown and labeled.are_{{ shown }}_shown then labeled.{{ count }} end
            as {{ count }},
    {% endfor %}
    case when labeled.is_shown and labeled.are_u_shapes_shown then labeled.u_shape_count end
        as n_u_shape_episodes,
    {{ cf_visible_count('labeled.client_count') }} as n_clients,
    {{ cf_visible_count('labeled.judged_count') }} as n_episodes,
    labeled.therapist_count as n_therapists,
    {{ cf_excluded_count('labeled.candidate_count', 'labeled.judged_count') }} as n_excluded,
    reasons.exclusion_reasons,
    case
        when not labeled.is_shown or labeled.rate is null then 'suppressed'
        when labeled.judged_count < 50 then 'too imprecise'
        else 'exploratory'
    end as precision_label,
    case when labeled.rate is null then 'no session at which a rupture could be seen' end
        as not_estimable_reason,
    {{ cf_benchmark_columns() }},
    {{ cf_definition_version() }} as definition_version,
    extract_dates.extract_date,
    'association, not cause: no criterion is accepted by all, compare detectors side by side; '
    || 'several clinics are summed, each weighted by its courses'
        as caution

from labeled

cross join extract_dates

left join reasons
    on
        labeled.scope_level = reasons.scope_level
        and labeled.scope_id = reasons.scope_id
        and labeled.detector = reasons.detector
        and labeled.instrument_id = reasons.instrument_id
        and labeled.version = reasons.version

left join benchmarks
    on
        benchmarks.table_name = 'cf_rupture_summary'
        and benchmarks.metric = 'rupture_percent'
        and benchmarks.evidence = 'verified'
