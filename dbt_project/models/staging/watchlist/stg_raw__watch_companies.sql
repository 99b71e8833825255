with seen as (
    select
        *,
        {{ seen_order(['company_id']) }} as seen_order
    from {{ source('raw', 'watch_companies') }}
)

select
    company_id,
    name,
    exchange,
    symbol,
    cik,
    currency,
    benchmark_symbol,
    role,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
