with seen as (
    select
        *,
        {{ seen_order(
            ['cik', 'taxonomy', 'concept', 'unit', 'period_key', 'accession_number']
        ) }} as seen_order
    from {{ source('raw', 'company_facts') }}
)

select
    cik,
    taxonomy,
    concept,
    unit,
    period_start,
    period_end,
    period_key,
    value,
    accession_number,
    form,
    filed_date,
    filing_fiscal_year,
    filing_fiscal_period,
    frame,
    company_name,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
