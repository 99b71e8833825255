with platforms as (
    select * from {{ ref('int_chart_platforms') }}
),

storefronts as (
    select * from {{ ref('stg_raw__watch_storefronts') }}
),

ranges as (
    select
        storefronts.country,
        storefronts.store_zone,
        min(platforms.first_date) as first_date,
        max(platforms.last_date) as last_date
    from platforms
    inner join storefronts on platforms.country = storefronts.country
    group by storefronts.country, storefronts.store_zone
),

days as (
    select
        country,
        store_zone,
        {{ each_day('first_date', 'last_date') }} as store_date
    from ranges
)

select
    country,
    store_date,
    store_zone,
    {{ day_start_utc('store_date', 'store_zone') }} as starts_at,
    {{ day_start_utc(days_after('store_date', 1), 'store_zone') }} as ends_at
from days
