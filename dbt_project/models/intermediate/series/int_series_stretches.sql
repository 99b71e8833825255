{%- set design = surge_design() %}
with usable as (
    select
        series_id,
        regime,
        platform_id,
        signal_family,
        series_date,
        usable_value
    from {{ ref('int_series_baselines') }}
    -- Of a chart's two scales the log rank: visibility hardly moves where most of a chart is.
    where usable_value is not null and signal != 'chart_visibility'
),

whole_series as (
    select
        series_id,
        regime,
        max(series_date) as last_date,
        min(usable_value) as least_value
    from usable
    group by series_id, regime
),

observations as (
    select
        usable.*,
        whole_series.last_date,
        whole_series.least_value
    from usable
    inner join whole_series
        on
            usable.series_id = whole_series.series_id
            and usable.regime = whole_series.regime
),

episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

members as (
    select
        episode_id,
        origin_platform_id as platform_id
    from episodes
    union
    select
        episode_id,
        platform_id
    from {{ ref('stg_raw__watch_episode_platforms') }}
),

episode_days as (
    select
        members.platform_id,
        members.episode_id,
        {{ days_after('episodes.window_start', -design.break_days_around_episode) }} as first_date,
        {{ days_after('episodes.window_end', design.break_days_around_episode) }} as last_date
    from members
    inner join episodes on members.episode_id = episodes.episode_id
),

levels as (
    select
        *,
        -- Counts grow by ratios; a rank is on a log scale already.
        case
            when signal_family = 'chart' then usable_value
            when least_value > 0 then ln(usable_value)
            else ln(1 + usable_value)
        end as level
    from observations
)

select
    series_id,
    regime,
    'latest' as stretch,
    series_date,
    level
from levels
where series_date > {{ days_after('last_date', -design.break_days) }}
union all
select
    levels.series_id,
    levels.regime,
    episode_days.episode_id as stretch,
    levels.series_date,
    levels.level
from levels
inner join episode_days
    on
        levels.platform_id = episode_days.platform_id
        and levels.series_date >= episode_days.first_date
        and levels.series_date <= episode_days.last_date
