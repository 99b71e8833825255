with days as (
    select * from {{ ref('int_store_days') }}
),

delistings as (
    select * from {{ ref('int_delistings') }}
),

overlapping as (
    select
        delistings.platform_id,
        delistings.provenance,
        days.country,
        days.store_date,
        {{ hours_between('days.starts_at', 'days.ends_at') }} as day_hours,
        {{ hours_between(
            'greatest(days.starts_at, delistings.delisted_at)',
            'least(days.ends_at, coalesce(delistings.relisted_at, days.ends_at))'
        ) }} as unavailable_hours
    from days
    inner join delistings
        on
            (days.country = delistings.geography or delistings.geography = 'global')
            and days.ends_at > delistings.delisted_at
            and days.starts_at < coalesce(delistings.relisted_at, days.ends_at)
)

select
    platform_id,
    country,
    store_date,
    -- A national and a global delisting may overlap: never more than the whole day.
    least(sum(unavailable_hours), max(day_hours)) as unavailable_hours,
    max(day_hours) as day_hours,
    least(sum(unavailable_hours), max(day_hours)) > max(day_hours) / 2 as is_delisted,
    min(provenance) as provenance
from overlapping
group by platform_id, country, store_date
