{% set design = episode_design() %}
with days as (
    select
        *,
        case
            when signal_family = 'chart' then signal || '/' || store || '/' || country || '/' || chart
            else signal
        end as metric_id,
        case
            when series_date < {{ days_after('window_start', -7) }} then 'early'
            when series_date < window_start then 'late'
            when series_date <= window_end then 'event'
        end as period
    from {{ ref('int_episode_series_days') }}
    where value is not null
),

-- A mean counts where it has most of the days that it stands for.
daily as (
    select
        episode_id,
        platform_id,
        role,
        metric_id,
        signal,
        store,
        country,
        chart,
        geography,
        window_start,
        window_end,
        count(case when period in ('early', 'late') then 1 end) as baseline_points,
        count(case when period = 'event' then 1 end) as event_points,
        {{ in_order('avg', "case when period in ('early', 'late') then value end", 'series_date') }}
            as baseline_level,
        {{ in_order('avg', "case when period = 'early' then value end", 'series_date') }} as early_level,
        {{ in_order('avg', "case when period = 'late' then value end", 'series_date') }} as late_level,
        {{ in_order('avg', "case when period = 'event' then value end", 'series_date') }} as event_level,
        {{ in_order('var_samp', "case when period in ('early', 'late') then value end", 'series_date') }}
            as baseline_variance,
        {{ in_order('var_samp', "case when period = 'event' then value end", 'series_date') }}
            as event_variance,
        {{ distinct_text('provenance') }} as provenance
    from days
    group by
        episode_id, platform_id, role, metric_id, signal, store, country, chart, geography, window_start,
        window_end
),

figures as (
    select
        *,
        'published/' || proxy || '/' || geography || '/' || coalesce(channel, 'any') || '/' || provider
            as metric_id
    from {{ ref('int_episode_published_days') }}
    -- Changes in percent of different platforms do not add up.
    where scale = 'level'
),

origin_lows as (
    select distinct
        episode_id,
        metric_id,
        anchor_date
    from figures
    where role = 'origin'
),

-- A destination's figure counts when it is for about the days of the origin's lowest.
near as (
    select
        figures.*,
        row_number() over (
            partition by figures.episode_id, figures.platform_id, figures.metric_id
            order by
                abs({{ days_between('origin_lows.anchor_date', 'figures.series_date') }}),
                figures.series_date
        ) as nearness
    from figures
    inner join origin_lows
        on
            figures.episode_id = origin_lows.episode_id
            and figures.metric_id = origin_lows.metric_id
    where
        abs({{ days_between('origin_lows.anchor_date', 'figures.series_date') }}) <= 3
        and figures.series_date > coalesce(figures.base_date, figures.window_start)
),

levels as (
    select
        figures.episode_id,
        figures.platform_id,
        figures.role,
        figures.metric_id,
        figures.proxy as signal,
        figures.geography,
        figures.window_start,
        figures.window_end,
        max(figures.base_value) as baseline_level,
        max(near.value) as event_level,
        {{ distinct_text('figures.provenance') }} as provenance
    from figures
    left join near
        on
            figures.episode_id = near.episode_id
            and figures.platform_id = near.platform_id
            and figures.metric_id = near.metric_id
            and near.nearness = 1
    group by
        figures.episode_id, figures.platform_id, figures.role, figures.metric_id, figures.proxy,
        figures.geography, figures.window_start, figures.window_end
),

-- A provider may tell what a destination gained beside what the origin lost, and no level.
gains as (
    select
        members.episode_id,
        members.platform_id,
        members.role,
        origin_lows.metric_id,
        series.proxy as signal,
        series.geography,
        members.window_start,
        members.window_end,
        series.value as told_gain,
        series.provenance
    from {{ ref('int_published_series') }} as series
    inner join {{ ref('int_episode_members') }} as members
        on
            series.platform_id = members.platform_id
            and members.role = 'destination'
    inner join origin_lows
        on
            members.episode_id = origin_lows.episode_id
            and series.series_date = origin_lows.anchor_date
            and origin_lows.metric_id
            = 'published/' || series.proxy || '/' || series.geography || '/'
            || coalesce(series.channel, 'any') || '/' || series.provider
    where series.scale = 'gain'
),

published as (
    select
        coalesce(levels.episode_id, gains.episode_id) as episode_id,
        coalesce(levels.platform_id, gains.platform_id) as platform_id,
        coalesce(levels.role, gains.role) as role,
        coalesce(levels.metric_id, gains.metric_id) as metric_id,
        coalesce(levels.signal, gains.signal) as signal,
        coalesce(levels.geography, gains.geography) as geography,
        coalesce(levels.window_start, gains.window_start) as window_start,
        coalesce(levels.window_end, gains.window_end) as window_end,
        levels.baseline_level,
        levels.event_level,
        -- Two levels of one provider say more than their difference.
        case when levels.event_level - levels.baseline_level is null then gains.told_gain end as told_gain,
        coalesce(levels.provenance, gains.provenance) as provenance
    from levels
    full outer join gains
        on
            levels.episode_id = gains.episode_id
            and levels.platform_id = gains.platform_id
            and levels.metric_id = gains.metric_id
)

select
    episode_id,
    platform_id,
    role,
    metric_id,
    signal,
    'daily_means' as level_method,
    store,
    country,
    chart,
    geography,
    window_start,
    window_end,
    baseline_points,
    event_points,
    case when baseline_points >= {{ design.baseline_minimum }} then baseline_level end as baseline_level,
    case when baseline_points >= {{ design.baseline_minimum }} then early_level end as early_level,
    case when baseline_points >= {{ design.baseline_minimum }} then late_level end as late_level,
    case when event_points * 2 > {{ days_between('window_start', 'window_end') }} then event_level end
        as event_level,
    cast(null as double) as told_gain,
    sqrt(baseline_variance / nullif(baseline_points, 0) + event_variance / nullif(event_points, 0))
        as difference_error,
    provenance
from daily
union all
select
    episode_id,
    platform_id,
    role,
    metric_id,
    signal,
    case when told_gain is not null then 'published_gain' else 'published_figures' end as level_method,
    cast(null as varchar) as store,
    cast(null as varchar) as country,
    cast(null as varchar) as chart,
    geography,
    window_start,
    window_end,
    case when baseline_level is not null then 1 else 0 end as baseline_points,
    case when event_level is not null then 1 else 0 end as event_points,
    baseline_level,
    baseline_level as early_level,
    baseline_level as late_level,
    event_level,
    told_gain,
    cast(null as double) as difference_error,
    provenance
from published
