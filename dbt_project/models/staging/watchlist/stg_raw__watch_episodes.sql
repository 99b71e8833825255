with seen as (
    select
        *,
        {{ seen_order(['episode_id']) }} as seen_order
    from {{ source('raw', 'watch_episodes') }}
)

select
    episode_id,
    title,
    origin_platform_id,
    geography,
    window_start,
    window_end,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
