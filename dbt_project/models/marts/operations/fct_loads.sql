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
from {{ ref('stg_raw__loads') }}
order by started_at, load_id
