with seen as (
    select
        *,
        {{ seen_order(['platform_id']) }} as seen_order
    from {{ source('raw', 'watch_platforms') }}
)

select
    platform_id,
    name,
    owner_company_id,
    kind,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
