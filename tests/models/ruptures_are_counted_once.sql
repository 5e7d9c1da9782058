{# Every rupture belongs to one row of cf_alliance_ruptures, and no detector has more than its chances. #}
with

ruptures as (

    select count(*) as rupture_count
    from {{ ref('fct_ruptures') }}

),

counted as (

    select
        coalesce(sum(n_ruptures), 0) as rupture_count,
        coalesce(
            sum(
                case
                    when
                        n_ruptures > n_opportunities
                        or n_ruptures
                        <> n_repaired
                        + n_unrepaired
                        + n_unrepaired_terminal
                        + n_pending
                        + n_not_rated_after
                        then 1
                    else 0
                end
            ),
            0
        ) as wrong_count

    from {{ ref('cf_alliance_ruptures') }}

)

select
    ruptures.rupture_count as found_count,
    counted.rupture_count as counted_count,
    counted.wrong_count

from ruptures

cross join counted

where
    ruptures.rupture_count <> counted.rupture_count
    or counted.wrong_count > 0
