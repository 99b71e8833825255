with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

members as (
    select
        episodes.episode_id,
        destinations.platform_id,
        'destination' as role,
        episodes.origin_platform_id,
        episodes.geography,
        episodes.window_start,
        episodes.window_end
    from episodes
    inner join {{ ref('stg_raw__watch_episode_platforms') }} as destinations
        on episodes.episode_id = destinations.episode_id
    where destinations.platform_id != episodes.origin_platform_id
    union all
    select
        episode_id,
        origin_platform_id as platform_id,
        'origin' as role,
        origin_platform_id,
        geography,
        window_start,
        window_end
    from episodes
)

select
    members.episode_id,
    members.platform_id,
    members.role,
    members.origin_platform_id,
    members.geography,
    members.window_start,
    members.window_end,
    min(others.window_start) as next_wave_date
from members
left join members as others
    on
        members.platform_id = others.platform_id
        and members.role = others.role
        and members.window_start < others.window_start
group by
    members.episode_id, members.platform_id, members.role, members.origin_platform_id, members.geography,
    members.window_start, members.window_end
