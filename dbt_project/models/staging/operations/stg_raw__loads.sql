-- A row may be in the file of its load and in that of its day (`ingestion/loads.py`): the latest counts.
with written as (
    select
        *,
        row_number() over (
            partition by load_id order by started_at desc, finished_at desc nulls last
        ) as written_order
    from {{ source('raw', 'loads') }}
)

select
    load_id,
    source,
    table_name,
    file_name,
    digest,
    provenance,
    rows_in,
    rows_published,
    rows_quarantined,
    verdict,
    reason,
    days,
    received_at,
    started_at,
    finished_at,
    duration_seconds
from written
where written_order = 1
