with seen as (
    select
        *,
        {{ seen_order(['claim_id']) }} as seen_order
    from {{ source('raw', 'article_claims') }}
)

select
    claim_id,
    article_id,
    url,
    platform_id,
    metric,
    value,
    unit,
    qualifier,
    geography,
    as_of_date,
    as_of_precision,
    as_of_text,
    attributed_to,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
