{{ config(materialized='table') }}
{%- set design = counterfactual_design() -%}
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

observed as (
    select
        series_id,
        platform_id,
        signal_family,
        signal,
        store,
        country,
        chart,
        series_date
    from {{ ref('int_series_near_episodes') }}
),

-- An episode looks at the charts of its own country; attention and news know none.
series as (
    select
        episodes.episode_id,
        episodes.window_start,
        episodes.window_end,
        observed.series_id,
        observed.platform_id,
        observed.signal_family,
        observed.signal,
        observed.store,
        observed.country,
        observed.chart
    from episodes
    inner join platforms on episodes.episode_id = platforms.episode_id
    inner join observed
        on
            platforms.platform_id = observed.platform_id
            and (observed.country is null or episodes.geography = observed.country)
            and observed.series_date >= {{ days_after('episodes.window_start', -design.pre_days) }}
            and episodes.window_end >= observed.series_date
    group by
        episodes.episode_id, episodes.window_start, episodes.window_end, observed.series_id,
        observed.platform_id, observed.signal_family, observed.signal, observed.store, observed.country,
        observed.chart
),

kinds as (
    select false as is_placebo
    union all
    select true as is_placebo
)

select
    series.episode_id,
    series.platform_id,
    series.series_id,
    series.signal_family,
    series.signal,
    series.store,
    series.country,
    series.chart,
    kinds.is_placebo,
    {{ days_after('series.window_start', -design.pre_days) }} as first_date,
    case
        when kinds.is_placebo then {{ days_after('series.window_start', -design.placebo_days) }}
        else series.window_start
    end as event_date,
    case
        when kinds.is_placebo then {{ days_after('series.window_start', -1) }}
        else series.window_end
    end as last_date
from series
cross join kinds
