with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

destinations as (
    select * from {{ ref('stg_raw__watch_episode_platforms') }}
),

-- By these few days an engine leaves out the rest before it joins.
window_days as (
    {{ days_of_windows('episodes') }}
),

ranks as (
    select * from {{ ref('fct_chart_rank_daily') }}
    where store_date in (select window_days.day from window_days)
),

leaders as (
    select distinct
        store,
        country,
        chart,
        store_date
    from ranks
    where rank = 1
)

select
    episodes.episode_id,
    episodes.origin_platform_id,
    ranks.platform_id,
    ranks.store,
    ranks.country,
    ranks.chart,
    ranks.store_date,
    ranks.rank_status,
    ranks.rank,
    -- The best rank that the day leaves possible: beyond a depth of 25 is 26 or worse.
    coalesce(ranks.rank, ranks.depth + 1) as best_possible_rank,
    leaders.store_date is not null and coalesce(ranks.rank, 0) != 1 as is_led_by_another
from episodes
inner join destinations on episodes.episode_id = destinations.episode_id
inner join ranks
    on
        destinations.platform_id = ranks.platform_id
        and ranks.store_date between episodes.window_start and episodes.window_end
left join leaders
    on
        ranks.store = leaders.store
        and ranks.country = leaders.country
        and ranks.chart = leaders.chart
        and ranks.store_date = leaders.store_date
