{% set design = episode_design() %}
{% set key = 'episode_id, platform_id, series_id' %}
with days as (
    select
        *,
        -- From here on noise decides which days have any excess, and those alone would not seem to fall.
        min(
            case
                when excess <= {{ design.decay_noise }} * coalesce(baseline_scale, 0) then days_since_peak
            end
        ) over (partition by {{ key }}) as faded_days
    from {{ ref('int_episode_decay_days') }}
)

-- A logarithm needs excess; what fell to its baseline or below has none to decay.
select
    episode_id,
    platform_id,
    series_id,
    series_date,
    days_since_peak,
    value,
    baseline,
    excess,
    count(*) over (partition by {{ key }}) as points
from days
where
    days_since_peak <= {{ design.decay_days }}
    and (faded_days is null or days_since_peak < faded_days)
    and not is_after_next_wave
    and excess > 0
    and value > 0
