with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

levels as (
    select
        episodes.episode_id,
        figures.platform_id,
        figures.geography,
        figures.channel,
        figures.provider,
        figures.observed_date,
        figures.value
    from {{ ref('int_published_figures') }} as figures
    inner join episodes on figures.observed_date between episodes.window_start and episodes.window_end
    where
        figures.subject_type = 'platform'
        and figures.standard_metric = 'downloads_day'
        and figures.date_precision = 'day'
        and figures.value_bound = '='
        and figures.value > 0
),

peaked as (
    select
        *,
        max(value) over (
            partition by episode_id, platform_id, geography, channel, provider
        ) as peak_value
    from levels
),

dated as (
    select
        *,
        min(case when value = peak_value then observed_date end) over (
            partition by episode_id, platform_id, geography, channel, provider
        ) as peak_date
    from peaked
),

fitted as (
    select
        episode_id,
        platform_id,
        geography,
        channel,
        provider,
        peak_date,
        max(observed_date) as last_date,
        count(distinct observed_date) as points,
        -{{ in_order(
            'regr_slope',
            'log2(value), ' ~ days_between('peak_date', 'observed_date'),
            'observed_date, value'
        ) }} as halvings_per_day
    from dated
    where observed_date >= peak_date
    group by episode_id, platform_id, geography, channel, provider, peak_date
)

select
    episode_id,
    platform_id,
    geography,
    channel,
    provider,
    peak_date,
    last_date,
    points,
    case when points >= 2 and halvings_per_day > 0 then 1 / halvings_per_day end as half_life_days,
    case
        when points < 2 then 'only one published level of daily downloads from its peak on'
        when halvings_per_day <= 0 then 'the published levels of daily downloads do not fall'
    end as half_life_null_reason
from fitted
