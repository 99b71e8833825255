with seen as (
    select
        *,
        {{ seen_order(['episode_id', 'platform_id']) }} as seen_order
    from {{ source('raw', 'watch_episode_platforms') }}
)

select
    episode_id,
    platform_id,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
