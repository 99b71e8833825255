with sets as (
    select * from {{ ref('int_episode_sets') }}
),

positions as (
    select
        series_id,
        platform_id,
        country,
        series_date,
        value,
        value_null_reason,
        -- Number 1 is at least this demand; beyond what was looked at is at most this.
        case
            when is_censored then 'at_most'
            when value = 0 then 'at_least'
            when value is not null then 'exact'
        end as bound
    from {{ ref('int_series_near_episodes') }}
    where signal = 'chart_log_rank'
),

days as (
    select
        sets.episode_id,
        sets.platform_id,
        sets.window_start,
        positions.series_id,
        positions.series_date,
        positions.series_date < sets.window_start as is_baseline,
        positions.value,
        positions.value_null_reason,
        positions.bound
    from sets
    inner join positions
        on
            sets.platform_id = positions.platform_id
            and sets.geography = positions.country
            and positions.series_date between sets.baseline_start and sets.window_end
),

-- Of several charts the one that was looked at on most days before the window, then within it.
chosen as (
    select
        episode_id,
        platform_id,
        series_id,
        row_number() over (
            partition by episode_id, platform_id
            order by
                count(case when is_baseline then value end) desc,
                count(value) desc,
                series_id
        ) as preference
    from days
    group by episode_id, platform_id, series_id
)

select days.*
from days
inner join chosen
    on
        days.episode_id = chosen.episode_id
        and days.platform_id = chosen.platform_id
        and days.series_id = chosen.series_id
        and chosen.preference = 1
