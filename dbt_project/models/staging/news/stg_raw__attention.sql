{{ config(materialized='incremental', meta={'day': 'attention_date'}) }}
with seen as (
    select
        *,
        {{ seen_order(['signal', 'subject_type', 'subject_id', 'item', 'attention_date']) }} as seen_order
    from {{ raw_days('attention') }}
)

select
    signal,
    subject_type,
    subject_id,
    item,
    attention_date,
    day_zone,
    value,
    unit,
    value_status,
    cutoff_value,
    monitored_total,
    captures,
    captures_expected,
    distinct_items,
    monitored_distinct_items,
    best_rank,
    max_heat,
    source_url,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
