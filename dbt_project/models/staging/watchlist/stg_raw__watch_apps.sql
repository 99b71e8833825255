with seen as (
    select
        *,
        {{ seen_order(['platform_id', 'store']) }} as seen_order
    from {{ source('raw', 'watch_apps') }}
)

select
    platform_id,
    store,
    store_app_id,
    bundle_id,
    id_status,
    app_name,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
