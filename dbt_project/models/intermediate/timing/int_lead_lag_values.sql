with wanted as (
    select
        episode_id,
        scale,
        leader_series_id as series_id,
        first_date,
        last_date
    from {{ ref('int_lead_lag_pairs') }}
    union
    select
        episode_id,
        scale,
        follower_series_id as series_id,
        first_date,
        last_date
    from {{ ref('int_lead_lag_pairs') }}
),

readings as (
    select
        'daily' as scale,
        series_id,
        signal_family,
        cast(series_date as timestamp) as time_at,
        series_date as day,
        value,
        total
    from {{ ref('int_series_near_episodes') }}
    union all
    select
        'hourly' as scale,
        series_id,
        signal_family,
        hour_at as time_at,
        cast(hour_at as date) as day,
        value,
        total
    from {{ ref('int_hourly_series') }}
),

picked as (
    select
        wanted.episode_id,
        wanted.scale,
        wanted.series_id,
        readings.signal_family,
        readings.time_at,
        readings.value,
        readings.total,
        {{ in_order('avg', 'readings.total', 'readings.time_at') }} over (
            partition by wanted.episode_id, wanted.scale, wanted.series_id
        ) as usual_total
    from wanted
    inner join readings
        on
            wanted.scale = readings.scale
            and wanted.series_id = readings.series_id
            and readings.day between wanted.first_date and wanted.last_date
    where readings.value is not null
)

-- Counts multiply as they spread, so that their logarithm is compared; where the source tells how much it saw
-- in all, a count is what it would be on a usual day of the source, since crawlers fail.
select
    episode_id,
    scale,
    series_id,
    time_at,
    case
        when signal_family = 'chart' then value
        when usual_total is null then ln(1 + value)
        when total > 0 then ln(1 + value * usual_total / total)
    end as level
from picked
