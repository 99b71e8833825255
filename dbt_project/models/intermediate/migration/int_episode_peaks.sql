with days as (
    select * from {{ ref('int_episode_chart_days') }}
),

best as (
    select
        *,
        min(rank) over (partition by episode_id, platform_id, store, country, chart) as peak_rank
    from days
)

select
    episode_id,
    origin_platform_id,
    platform_id,
    store,
    country,
    chart,
    count(case when rank_status in ('ranked', 'unranked') then 1 end) as observed_days,
    min(case when rank_status in ('ranked', 'unranked') then store_date end) as first_observed_date,
    min(peak_rank) as peak_rank,
    min(case when rank = peak_rank then store_date end) as peak_date,
    count(case when rank = peak_rank then 1 end) as peak_plateau_days,
    min(case when rank = 1 then store_date end) as first_number_one_date,
    max(case when rank = 1 then store_date end) as last_number_one_date,
    count(case when rank = 1 then 1 end) as days_at_number_one
from best
group by episode_id, origin_platform_id, platform_id, store, country, chart
having count(case when rank_status != 'not_fetched' then 1 end) > 0
