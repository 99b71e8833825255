with seen as (
    select
        *,
        {{ seen_order(['cik', 'accession_number']) }} as seen_order
    from {{ source('raw', 'filings') }}
)

select
    accession_number,
    cik,
    form,
    filed_date,
    report_date,
    accepted_at,
    items,
    primary_document,
    description,
    source_url,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
