{{ config(materialized='table') }}
{%- set design = lead_lag_design() -%}
with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

platforms as (
    select
        episode_id,
        platform_id
    from {{ ref('stg_raw__watch_episode_platforms') }}
    union
    select
        episode_id,
        origin_platform_id as platform_id
    from episodes
),

readings as (
    select
        'daily' as scale,
        series_id,
        platform_id,
        signal_family,
        signal,
        country,
        day_zone,
        series_date
    from {{ ref('int_series_near_episodes') }}
    where
        value is not null
        and (
            signal_family in ('attention', 'news')
            or signal = 'chart_visibility'
        )
    union all
    select
        'hourly' as scale,
        series_id,
        platform_id,
        signal_family,
        signal,
        country,
        'UTC' as day_zone,
        cast(hour_at as date) as series_date
    from {{ ref('int_hourly_series') }}
    where value is not null
),

-- An episode looks at the charts of its own country; attention and news know none.
series as (
    select
        episodes.episode_id,
        episodes.window_start,
        episodes.window_end,
        readings.scale,
        readings.series_id,
        readings.platform_id,
        readings.signal_family,
        readings.signal,
        min(readings.day_zone) as day_zone,
        case readings.signal_family when 'chart' then 1 when 'attention' then 2 else 3 end as place
    from episodes
    inner join platforms on episodes.episode_id = platforms.episode_id
    inner join readings
        on
            platforms.platform_id = readings.platform_id
            and (readings.country is null or episodes.geography = readings.country)
            and readings.series_date
            between {{ days_after('episodes.window_start', -design.days_before) }} and episodes.window_end
    group by
        episodes.episode_id, episodes.window_start, episodes.window_end, readings.scale, readings.series_id,
        readings.platform_id, readings.signal_family, readings.signal
)

-- Charts are taken to lead attention, and attention news: a negative lag says that it is the other way round.
select
    leaders.episode_id,
    leaders.platform_id,
    leaders.scale,
    leaders.series_id as leader_series_id,
    followers.series_id as follower_series_id,
    leaders.day_zone as leader_zone,
    followers.day_zone as follower_zone,
    {{ days_after('leaders.window_start', -design.days_before) }} as first_date,
    leaders.window_end as last_date,
    case leaders.scale when 'daily' then {{ design.daily.max_lag }} else {{ design.hourly.max_lag }} end
        as max_lag,
    case leaders.scale when 'daily' then {{ design.daily.minimum }} else {{ design.hourly.minimum }} end
        as minimum,
    case leaders.scale when 'daily' then {{ design.daily.hours }} else {{ design.hourly.hours }} end
        as step_hours,
    {{ hours_between(
        day_start_utc('leaders.window_start', 'leaders.day_zone'),
        day_start_utc('leaders.window_start', 'followers.day_zone')
    ) }} as zone_hours
from series as leaders
inner join series as followers
    on
        leaders.episode_id = followers.episode_id
        and leaders.platform_id = followers.platform_id
        and leaders.scale = followers.scale
        and leaders.signal != followers.signal
        and (
            leaders.place < followers.place
            or (leaders.place = followers.place and leaders.series_id < followers.series_id)
        )
