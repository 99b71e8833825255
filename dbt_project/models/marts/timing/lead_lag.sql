{%- set design = lead_lag_design() -%}
with pairs as (
    select * from {{ ref('int_lead_lag_pairs') }}
),

fits as (
    select * from {{ ref('int_lead_lag_fits') }}
),

-- A pair that cannot be compared has one row without a lag; of the others the row of the best lag stands.
best as (
    select * from fits
    where lag is null or lag = best_lag
),

next_best as (
    select * from fits
    where lag = next_best_lag
),

joined as (
    select
        pairs.*,
        best.shared,
        best.ar_order,
        best.best_lag,
        best.rho,
        best.points,
        best.band,
        best.bootstrap_band,
        best.next_best_lag,
        next_best.rho as next_best_rho,
        best.chance,
        best.lag_lower,
        best.lag_upper,
        best.granger_lags,
        best.granger_forward,
        best.granger_backward,
        best.null_reason,
        -- A day is 24 hours wide: what fell into days k apart was between k - 1 and k + 1 days apart.
        pairs.step_hours * (best.lag_lower - 1) + pairs.zone_hours as earliest_hours,
        pairs.step_hours * (best.lag_upper + 1) + pairs.zone_hours as latest_hours
    from pairs
    inner join best
        on
            pairs.episode_id = best.episode_id
            and pairs.platform_id = best.platform_id
            and pairs.leader_series_id = best.leader_series_id
            and pairs.follower_series_id = best.follower_series_id
            and pairs.scale = best.scale
    left join next_best
        on
            pairs.episode_id = next_best.episode_id
            and pairs.platform_id = next_best.platform_id
            and pairs.leader_series_id = next_best.leader_series_id
            and pairs.follower_series_id = next_best.follower_series_id
            and pairs.scale = next_best.scale
),

judged as (
    select
        *,
        case
            when null_reason is not null then null
            when chance > {{ design.chance }} then 'no_relation'
            when earliest_hours >= 0 then 'leader_first'
            when latest_hours <= 0 then 'follower_first'
            else 'not_ordered'
        end as ordering
    from joined
)

select
    episode_id,
    platform_id,
    leader_series_id,
    follower_series_id,
    scale,
    first_date,
    last_date,
    shared as overlap_points,
    leader_zone,
    follower_zone,
    zone_hours,
    ar_order,
    best_lag,
    rho,
    points as rho_points,
    band,
    bootstrap_band,
    next_best_lag,
    next_best_rho,
    case
        when next_best_lag is not null then null
        when null_reason is not null then null_reason
        else 'no other lag shares enough points'
    end as next_best_null_reason,
    abs(rho) - abs(next_best_rho) as rho_difference,
    chance as chance_probability,
    lag_lower,
    lag_upper,
    earliest_hours,
    latest_hours,
    ordering,
    case ordering
        when 'no_relation'
            then 'no relation beyond chance: the largest correlation of all lags is one of chance'
        when 'leader_first'
            then
                leader_series_id || ' leads by ' || best_lag
                || case scale when 'daily' then ' days' else ' hours' end
        when 'follower_first'
            then
                follower_series_id || ' leads by ' || -best_lag
                || case scale when 'daily' then ' days' else ' hours' end
        when 'not_ordered'
            then
                'related, but cannot be ordered at this resolution: the follower comes between '
                || cast(cast(earliest_hours as integer) as varchar) || ' and '
                || cast(cast(latest_hours as integer) as varchar) || ' hours after the leader'
    end as verdict,
    null_reason,
    granger_lags,
    granger_forward as granger_p_leader_to_follower,
    granger_backward as granger_p_follower_to_leader,
    case
        when granger_forward is not null then null
        when null_reason is not null then null_reason
        else 'too few complete rows, or one series repeats the other'
    end as granger_null_reason
from judged
order by episode_id, platform_id, leader_series_id, follower_series_id, scale
