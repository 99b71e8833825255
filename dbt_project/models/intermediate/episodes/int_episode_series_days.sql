{{ config(materialized='table') }}
{% set design = episode_design() %}
with members as (
    select * from {{ ref('int_episode_members') }}
),

-- Ratios need a scale with a zero: the logarithm of a rank has none. A counter says what it added.
series as (
    select
        daily.series_id,
        daily.platform_id,
        daily.signal_family,
        daily.signal,
        daily.store,
        daily.country,
        daily.chart,
        daily.geography,
        daily.series_date,
        daily.value,
        daily.is_censored,
        daily.value_null_reason,
        daily.provenance
    from {{ ref('int_series_near_episodes') }} as daily
    left join {{ ref('counters') }} as counters on daily.signal = counters.counter
    where daily.signal != 'chart_log_rank' and counters.counter is null
    union all
    select
        series_id,
        platform_id,
        signal_family,
        signal,
        store,
        country,
        chart,
        geography,
        series_date,
        value,
        is_censored,
        value_null_reason,
        provenance
    from {{ ref('int_counter_days') }}
),

looks as (
    select
        platform_id,
        store,
        country,
        chart,
        store_date,
        depth,
        -- Kept on this side: DuckDB joins by loops where a condition names the other side alone.
        'chart_visibility' as signal
    from {{ ref('fct_chart_rank_daily') }}
    where
        rank_status = 'unranked'
        and store_date in (select days.near_date from {{ ref('int_days_near_episodes') }} as days)
)

select
    members.episode_id,
    members.platform_id,
    members.role,
    members.window_start,
    members.window_end,
    members.next_wave_date,
    series.series_id,
    series.signal_family,
    series.signal,
    series.store,
    series.country,
    series.chart,
    series.geography,
    series.series_date,
    series.value,
    series.value is not null and series.is_censored as is_censored,
    -- Off the chart the visibility is 0 by convention; it can have been that of the first rank nobody saw.
    case when looks.depth is not null then ln(2) / ln(looks.depth + 2.0) end as value_upper_bound,
    looks.depth,
    series.value_null_reason,
    series.provenance
from members
inner join series
    on
        members.platform_id = series.platform_id
        and series.series_date >= {{ days_after('members.window_start', -design.baseline_days) }}
        and series.series_date <= {{ days_after('members.window_end', design.follow_up_days) }}
left join looks
    on
        series.signal = looks.signal
        and series.platform_id = looks.platform_id
        and series.store = looks.store
        and series.country = looks.country
        and series.chart = looks.chart
        and series.series_date = looks.store_date
