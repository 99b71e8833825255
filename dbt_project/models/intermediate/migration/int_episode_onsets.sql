with days as (
    select * from {{ ref('int_episode_chart_days') }}
    where rank_status in ('ranked', 'unranked')
),

peaks as (
    select * from {{ ref('int_episode_peaks') }}
),

-- The way to the peak, one row an observed day; unobserved days are passed over.
approach as (
    select
        days.episode_id,
        days.platform_id,
        days.store,
        days.country,
        days.chart,
        days.store_date,
        days.rank,
        peaks.peak_date,
        days.best_possible_rank < lag(days.best_possible_rank) over (
            partition by days.episode_id, days.platform_id, days.store, days.country, days.chart
            order by days.store_date
        ) as is_better_than_before
    from days
    inner join peaks
        on
            days.episode_id = peaks.episode_id
            and days.platform_id = peaks.platform_id
            and days.store = peaks.store
            and days.country = peaks.country
            and days.chart = peaks.chart
            and days.store_date <= peaks.peak_date
),

started as (
    select
        *,
        max(case when coalesce(is_better_than_before, false) then null else store_date end) over (
            partition by episode_id, platform_id, store, country, chart
        ) as climb_start_date
    from approach
),

entered as (
    select
        *,
        min(case when store_date >= climb_start_date and rank is not null then store_date end) over (
            partition by episode_id, platform_id, store, country, chart
        ) as first_ranked_date
    from started
)

-- Without a worse day before it, the peak says nothing about when the climb began.
select
    episode_id,
    platform_id,
    store,
    country,
    chart,
    first_ranked_date as onset_date,
    max(case when store_date < first_ranked_date then store_date end) as onset_after_date
from entered
where climb_start_date < peak_date
group by episode_id, platform_id, store, country, chart, first_ranked_date
