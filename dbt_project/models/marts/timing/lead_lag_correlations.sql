select
    episode_id,
    platform_id,
    leader_series_id,
    follower_series_id,
    scale,
    lag,
    points,
    rho,
    case
        when rho is null then 'too few points are shared at this lag, or one series does not vary on them'
    end
        as rho_null_reason,
    band,
    bootstrap_band
from {{ ref('int_lead_lag_fits') }}
where null_reason is null
order by episode_id, platform_id, leader_series_id, follower_series_id, scale, lag
