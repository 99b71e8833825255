with seen as (
    select
        *,
        {{ seen_order(['statement_id']) }} as seen_order
    from {{ source('raw', 'published_metrics') }}
)

select
    statement_id,
    episode_id,
    subject_type,
    subject_id,
    platform_id,
    metric,
    channel,
    geography,
    observed_date,
    date_precision,
    value,
    value_low,
    value_high,
    value_bound,
    unit,
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
