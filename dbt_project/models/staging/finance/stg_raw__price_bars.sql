with seen as (
    select
        *,
        {{ seen_order(['exchange', 'symbol', 'session_date', 'vintage_date']) }} as seen_order
    from {{ source('raw', 'price_bars') }}
)

select
    exchange,
    symbol,
    session_date,
    vintage_date,
    close,
    adjusted_close,
    volume_shares,
    currency,
    provider,
    source_url,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
