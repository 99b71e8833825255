{% set key = 'episode_id, platform_id, series_id' %}
with days as (
    select * from {{ ref('int_episode_decay_days') }}
),

halved as (
    select
        *,
        -- Of a day off the chart the most that it can have been must be at half.
        days_since_peak > 0 and coalesce(excess_upper_bound, excess) <= 0.5 * peak_excess as is_half
    from days
),

followed as (
    select
        *,
        lead(is_half, 1) over (partition by {{ key }} order by series_date) as is_half_after_1,
        lead(is_half, 2) over (partition by {{ key }} order by series_date) as is_half_after_2,
        lead(days_since_peak, 2) over (partition by {{ key }} order by series_date) as days_after_2
    from halved
),

crossed as (
    select
        *,
        min(case when is_half then days_since_peak end) over (partition by {{ key }}) as half_life_days
    from followed
)

select
    {{ key }},
    min(half_life_days) as half_life_days,
    -- With every day between observed, the crossing happened on that very day.
    min(half_life_days) - count(case when days_since_peak between 1 and half_life_days then 1 end)
        as half_life_unobserved_days,
    bool_or(case when days_since_peak = half_life_days then is_after_next_wave end)
        as half_life_is_after_next_wave,
    min(
        case
            when is_half and is_half_after_1 and is_half_after_2 and days_after_2 = days_since_peak + 2
                then days_since_peak
        end
    ) as half_life_sustained_days,
    max(days_since_peak) as followed_days
from crossed
group by {{ key }}
