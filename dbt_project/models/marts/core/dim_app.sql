select
    platform_id,
    store,
    store_app_id,
    bundle_id,
    id_status,
    app_name,
    note
from {{ ref('stg_raw__watch_apps') }}
order by platform_id, store
