{%- set design = surge_design() %}
with whole_series as (
    select
        series_id,
        regime,
        max(series_date) as last_date,
        min(usable_value) as least_value
    from {{ ref('int_series_baselines') }}
    -- Of a chart's two scales the log rank: visibility hardly moves where most of a chart is.
    where usable_value is not null and signal != 'chart_visibility'
    group by series_id, regime
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

placed as (
    select
        baselines.series_id,
        baselines.regime,
        'latest' as stretch,
        baselines.signal_family,
        baselines.series_date,
        baselines.usable_value
    from {{ ref('int_series_baselines') }} as baselines
    inner join whole_series
        on
            baselines.series_id = whole_series.series_id
            and baselines.regime = whole_series.regime
            and baselines.series_date > {{ days_after('whole_series.last_date', -design.break_days) }}
    where baselines.usable_value is not null
    union all
    select
        baselines.series_id,
        baselines.regime,
        episode_days.episode_id as stretch,
        baselines.signal_family,
        baselines.series_date,
        baselines.usable_value
    from {{ ref('int_series_baselines') }} as baselines
    inner join episode_days
        on
            baselines.platform_id = episode_days.platform_id
            and baselines.series_date >= episode_days.first_date
            and baselines.series_date <= episode_days.last_date
    where baselines.usable_value is not null
)

select
    placed.series_id,
    placed.regime,
    placed.stretch,
    placed.series_date,
    -- Counts grow by ratios; a rank is on a log scale already.
    case
        when placed.signal_family = 'chart' then placed.usable_value
        when whole_series.least_value > 0 then ln(placed.usable_value)
        else ln(1 + placed.usable_value)
    end as level
from placed
inner join whole_series
    on
        placed.series_id = whole_series.series_id
        and placed.regime = whole_series.regime
