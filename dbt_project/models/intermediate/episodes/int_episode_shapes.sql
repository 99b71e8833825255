{{ config(materialized='table') }}
{% set design = episode_design() %}
{% set key = 'episode_id, platform_id, series_id' %}
with days as (
    select * from {{ ref('int_episode_series_days') }}
),

-- A series that shows nothing within the window tells nothing of the episode.
series as (
    select
        episode_id,
        platform_id,
        role,
        series_id,
        signal_family,
        signal,
        store,
        country,
        chart,
        geography,
        window_start,
        window_end,
        next_wave_date,
        count(case when series_date between window_start and window_end then value end) as observed_days,
        max(case when value is not null then series_date end) as last_observed_date,
        max(case when series_date between window_start and window_end then value end) as highest_value,
        min(case when series_date between window_start and window_end then value end) as lowest_value,
        {{ distinct_text('provenance') }} as provenance
    from days
    group by
        episode_id, platform_id, role, series_id, signal_family, signal, store, country, chart, geography,
        window_start, window_end, next_wave_date
    having count(case when series_date between window_start and window_end then value end) > 0
),

levels as (
    select
        {{ key }},
        count(*) as baseline_days,
        count(case when is_censored then 1 end) as baseline_censored_days,
        {{ median('value') }} as level
    from days
    where series_date < window_start and value is not null
    group by {{ key }}
),

spreads as (
    select
        days.episode_id,
        days.platform_id,
        days.series_id,
        {{ median('abs(days.value - levels.level)') }} as mad
    from days
    inner join levels
        on
            days.episode_id = levels.episode_id
            and days.platform_id = levels.platform_id
            and days.series_id = levels.series_id
    where days.series_date < days.window_start and days.value is not null
    group by days.episode_id, days.platform_id, days.series_id
),

-- The scale is that of `surges`: what hardly ever moves is not made infinite by its first move.
spread as (
    select
        series.*,
        coalesce(levels.baseline_days, 0) as baseline_days,
        coalesce(levels.baseline_censored_days, 0) as baseline_censored_days,
        case when levels.baseline_days >= {{ design.baseline_minimum }} then levels.level end as baseline,
        case when levels.baseline_days >= {{ design.baseline_minimum }} then spreads.mad end as baseline_mad,
        {{ mad_to_sigma() }} * spreads.mad as spread,
        {{ least_scale('series.signal_family', 'series.signal', 'levels.level') }} as least_spread
    from series
    left join levels
        on
            series.episode_id = levels.episode_id
            and series.platform_id = levels.platform_id
            and series.series_id = levels.series_id
    left join spreads
        on
            series.episode_id = spreads.episode_id
            and series.platform_id = spreads.platform_id
            and series.series_id = spreads.series_id
),

baselines as (
    select
        *,
        case when baseline is not null then nullif(greatest(spread, coalesce(least_spread, 0)), 0) end
            as baseline_scale,
        case
            when baseline is null then null
            when spread >= coalesce(least_spread, 0) and spread > 0 then 'median_absolute_deviation'
            when least_spread > 0 then 'least_scale'
        end as baseline_scale_method
    from spread
),

scored as (
    select
        days.episode_id,
        days.platform_id,
        days.series_id,
        days.series_date,
        days.series_date between days.window_start and days.window_end as is_in_window,
        days.value,
        days.value = baselines.highest_value as is_highest,
        days.value = baselines.lowest_value as is_lowest,
        days.is_censored,
        coalesce(
            (days.value - baselines.baseline) / baselines.baseline_scale > {{ design.surge_z }}, false
        ) as is_surge
    from days
    inner join baselines
        on
            days.episode_id = baselines.episode_id
            and days.platform_id = baselines.platform_id
            and days.series_id = baselines.series_id
    where days.series_date >= days.window_start
),

continued as (
    select
        *,
        coalesce(
            lead(is_surge) over (partition by {{ key }} order by series_date)
            and lead(series_date) over (partition by {{ key }} order by series_date)
            = {{ days_after('series_date', 1) }},
            false
        ) as is_surge_the_day_after
    from scored
),

dated as (
    select
        {{ key }},
        min(case when is_surge then series_date end) as onset_date,
        min(case when is_surge and is_surge_the_day_after then series_date end) as sustained_onset_date,
        min(case when is_highest then series_date end) as peak_date,
        min(case when is_lowest then series_date end) as trough_date,
        bool_or(is_lowest and is_censored) as trough_is_censored,
        count(case when is_highest then 1 end) as peak_plateau_days,
        {{ in_order('sum', 'value', 'series_date') }} as window_total
    from continued
    where is_in_window
    group by {{ key }}
),

shapes as (
    select
        baselines.episode_id,
        baselines.platform_id,
        baselines.role,
        baselines.series_id,
        baselines.signal_family,
        baselines.signal,
        baselines.store,
        baselines.country,
        baselines.chart,
        baselines.geography,
        baselines.window_start,
        baselines.window_end,
        baselines.next_wave_date,
        baselines.observed_days,
        baselines.last_observed_date,
        baselines.baseline_days,
        baselines.baseline_censored_days,
        baselines.baseline,
        baselines.baseline_mad,
        baselines.baseline_scale,
        baselines.baseline_scale_method,
        case
            when baselines.baseline is null
                then
                    'only ' || baselines.baseline_days
                    || ' of the {{ design.baseline_days }} days before the window are observed, and '
                    || '{{ design.baseline_minimum }} are needed'
        end as baseline_null_reason,
        dated.onset_date,
        dated.sustained_onset_date,
        -- Zero on every day has a highest value, and no peak.
        case when baselines.highest_value > 0 then dated.peak_date end as peak_date,
        case when baselines.highest_value > 0 then baselines.highest_value end as peak_value,
        case when baselines.highest_value > 0 then dated.peak_plateau_days else 0 end as peak_plateau_days,
        -- Off the chart nobody saw how low it was.
        case when not dated.trough_is_censored then dated.trough_date end as trough_date,
        case when not dated.trough_is_censored then baselines.lowest_value end as trough_value,
        dated.window_total,
        baselines.provenance
    from baselines
    inner join dated
        on
            baselines.episode_id = dated.episode_id
            and baselines.platform_id = dated.platform_id
            and baselines.series_id = dated.series_id
)

select
    *,
    case when peak_date is null then 'every observed day of the window is zero' end as peak_null_reason,
    case when trough_date is null then 'on its lowest days it was off the chart: no one saw how low' end
        as trough_null_reason,
    case
        when onset_date is not null then null
        when baseline is null then baseline_null_reason
        when baseline_scale is null then 'the baseline does not vary: nothing tells how much is much'
        else 'no day of the window stands out from the baseline'
    end as onset_null_reason,
    -- Whatever is asked of the excess over the baseline needs one at the peak.
    case
        when baseline is null then baseline_null_reason
        when peak_date is null then 'every observed day of the window is zero'
        when peak_value <= baseline then 'the peak does not rise above the baseline'
    end as rise_null_reason
from shapes
