with seen as (
    select
        *,
        {{ seen_order(['article_id', 'platform_id']) }} as seen_order
    from {{ source('raw', 'article_mentions') }}
)

select
    article_id,
    platform_id,
    alias,
    found_in,
    mentions,
    context,
    published_date,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
