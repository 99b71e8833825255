with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

members as (
    select
        episode_id,
        origin_platform_id as platform_id,
        'origin' as platform_role
    from episodes
    union all
    select
        episode_id,
        platform_id,
        'destination' as platform_role
    from {{ ref('stg_raw__watch_episode_platforms') }}
)

select
    episodes.episode_id,
    members.platform_id,
    members.platform_role,
    episodes.origin_platform_id,
    episodes.geography,
    {{ days_after('episodes.window_start', -migration_design().baseline_days) }} as baseline_start,
    {{ days_after('episodes.window_start', -1) }} as baseline_end,
    episodes.window_start,
    episodes.window_end
from episodes
inner join members on episodes.episode_id = members.episode_id
