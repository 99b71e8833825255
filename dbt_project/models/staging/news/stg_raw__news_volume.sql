{{ config(materialized='incremental', meta={'day': 'news_date'}) }}
with seen as (
    select
        *,
        {{ seen_order(['signal', 'subject_type', 'subject_id', 'news_date', 'batch']) }} as seen_order
    from {{ raw_days('news_volume') }}
)

select
    signal,
    subject_type,
    subject_id,
    news_date,
    day_zone,
    batch,
    item_kind,
    matching_items,
    monitored_items,
    distinct_outlets,
    source_url,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
