{{ config(materialized='incremental', meta={'day': 'store_date', 'whole': 'tied_captures'}) }}
-- depends_on: {{ ref('stg_raw__capture_days') }}
with seen as (
    select
        *,
        {{ seen_order(['capture_id', 'rank']) }} as seen_order
    from {{ raw_days('chart_entries') }}
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
-- Days that are asked for together stand together.
order by store_date
