select
    event_id,
    min(episode_id) as episode_id,
    min(event_type) as event_type,
    min(title) as title,
    min(event_date) as event_date,
    min(event_zone) as event_zone,
    min(event_at) as event_at,
    min(event_at_precision) as event_at_precision,
    min(geography) as geography,
    {{ distinct_text('platform_id') }} as platforms,
    bool_or(is_market_event) as is_market_event,
    {{ distinct_text('publisher', '; ') }} as publishers,
    {{ distinct_text('source_url', ' ') }} as source_urls,
    min(confidence) as confidence,
    {{ distinct_text('note', ' ') }} as note,
    {{ distinct_text('provenance') }} as provenance
from {{ ref('stg_raw__platform_events') }}
group by event_id
order by event_id
