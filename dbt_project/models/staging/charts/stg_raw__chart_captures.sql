{{ config(materialized='incremental', meta={'day': 'store_date', 'whole': 'tied_captures'}) }}
-- depends_on: {{ ref('stg_raw__capture_days') }}
with seen as (
    select
        *,
        {{ seen_order(['capture_id']) }} as seen_order
    from {{ raw_days('chart_captures') }}
)

select
    capture_id,
    store,
    country,
    chart,
    store_date,
    captured_at,
    scope,
    platform_id,
    depth,
    capture_status,
    provider,
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
