with seen as (
    select
        *,
        {{ seen_order(['country']) }} as seen_order
    from {{ source('raw', 'watch_storefronts') }}
)

select
    country,
    store_zone,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
