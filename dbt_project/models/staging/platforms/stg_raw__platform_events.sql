with seen as (
    select
        *,
        {{ seen_order(['event_id', 'platform_id']) }} as seen_order
    from {{ source('raw', 'platform_events') }}
)

select
    event_id,
    platform_id,
    episode_id,
    event_type,
    title,
    event_date,
    event_zone,
    event_at,
    event_at_precision,
    geography,
    is_market_event,
    publisher,
    published_date,
    source_url,
    confidence,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
