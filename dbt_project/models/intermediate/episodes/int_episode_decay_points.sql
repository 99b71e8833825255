{% set design = episode_design() %}
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
    count(*) over (partition by episode_id, platform_id, series_id) as points
from {{ ref('int_episode_decay_days') }}
where
    days_since_peak <= {{ design.decay_days }}
    and not is_after_next_wave
    and excess > 0
    and value > 0
