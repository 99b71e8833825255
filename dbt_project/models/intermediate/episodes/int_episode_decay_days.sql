with days as (
    select * from {{ ref('int_episode_series_days') }}
),

shapes as (
    select * from {{ ref('int_episode_shapes') }}
)

select
    shapes.episode_id,
    shapes.platform_id,
    shapes.series_id,
    days.series_date,
    {{ days_between('shapes.peak_date', 'days.series_date') }} as days_since_peak,
    days.value,
    shapes.baseline,
    shapes.baseline_scale,
    days.value - shapes.baseline as excess,
    days.value_upper_bound - shapes.baseline as excess_upper_bound,
    shapes.peak_value - shapes.baseline as peak_excess,
    coalesce(days.series_date >= shapes.next_wave_date, false) as is_after_next_wave
from shapes
inner join days
    on
        shapes.episode_id = days.episode_id
        and shapes.platform_id = days.platform_id
        and shapes.series_id = days.series_id
        and shapes.peak_date <= days.series_date
where days.value is not null and shapes.peak_value > shapes.baseline
