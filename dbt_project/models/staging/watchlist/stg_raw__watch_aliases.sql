with seen as (
    select
        *,
        {{ seen_order(['platform_id', 'alias', 'language']) }} as seen_order
    from {{ source('raw', 'watch_aliases') }}
)

select
    platform_id,
    alias,
    language,
    alias_kind,
    is_ambiguous,
    context_pattern,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
