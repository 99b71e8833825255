with measured as (
    select
        *,
        row_number() over (
            partition by episode_id, geography
            order by
                case when signal_family = 'published' then 0 else 1 end asc,
                horizon_date desc,
                series_id asc
        ) as preference
    from {{ ref('retention') }}
    where role = 'origin' and bounce_back is not null and geography is not null
)

-- What a provider told of use comes before any signal of attention, and the latest before earlier ones.
select
    episode_id,
    geography,
    series_id,
    horizon_date,
    bounce_back
from measured
where preference = 1
