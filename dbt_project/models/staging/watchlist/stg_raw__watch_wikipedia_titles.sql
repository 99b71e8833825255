with seen as (
    select
        *,
        {{ seen_order(['project', 'title']) }} as seen_order
    from {{ source('raw', 'watch_wikipedia_titles') }}
)

select
    subject_type,
    subject_id,
    project,
    title,
    is_primary,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
