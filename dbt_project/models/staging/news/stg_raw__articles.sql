with seen as (
    select
        *,
        {{ seen_order(['article_id']) }} as seen_order
    from {{ source('raw', 'articles') }}
)

select
    article_id,
    url,
    outlet,
    language,
    published_date,
    published_at,
    published_precision,
    title,
    story_cluster_id,
    relation,
    origin,
    tone_score,
    word_count,
    note,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
