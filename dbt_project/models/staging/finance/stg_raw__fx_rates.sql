with seen as (
    select
        *,
        {{ seen_order(['provider', 'base_currency', 'quote_currency', 'rate_date']) }} as seen_order
    from {{ source('raw', 'fx_rates') }}
)

select
    provider,
    base_currency,
    quote_currency,
    rate_date,
    rate,
    source_url,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
