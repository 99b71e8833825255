{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_days_near_episodes') }}
),

-- The chart as it was read in an hour, by its best position; a capture without an instant has no hour.
charts as (
    select
        platform_id,
        store,
        country,
        chart,
        date_trunc('hour', captured_at) as hour_at,
        min(rank) as rank,
        max(depth) as depth
    from {{ ref('int_chart_observations') }}
    where
        captured_at is not null
        and store_date in (select days.near_date from days)
    group by platform_id, store, country, chart, date_trunc('hour', captured_at)
),

batches as (
    select
        subject_id as platform_id,
        signal,
        matching_items,
        monitored_items,
        date_trunc('hour', {{ stamp_utc('batch') }}) as hour_at
    from {{ ref('stg_raw__news_volume') }}
    where
        subject_type = 'platform'
        and batch != 'day'
        and news_date in (select days.near_date from days)
)

select
    {{ chart_series_id("'chart_visibility'") }} as series_id,
    platform_id,
    'chart' as signal_family,
    'chart_visibility' as signal,
    country,
    hour_at,
    case
        when rank is not null then ln(2) / ln(rank + 1.0)
        when depth is not null then 0.0
    end as value,
    cast(null as double) as total
from charts
union all
-- Batches add up; a batch that misses a count leaves its hour without one.
select
    {{ count_series_id('signal', 'platform_id') }} as series_id,
    platform_id,
    'news' as signal_family,
    signal,
    cast(null as varchar) as country,
    hour_at,
    case when count(matching_items) = count(*) then cast(sum(matching_items) as double) end as value,
    case when count(monitored_items) = count(*) then cast(sum(monitored_items) as double) end as total
from batches
group by platform_id, signal, hour_at
