with seen as (
    select
        *,
        {{ seen_order(['capture_id', 'rank']) }} as seen_order
    from {{ source('raw', 'chart_entries') }}
)

select
    capture_id,
    store,
    country,
    chart,
    store_date,
    rank,
    store_app_id,
    platform_id,
    app_name,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
