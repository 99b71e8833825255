-- The one place that says which articles tell the same story. An article of no story is one of its own.
select
    articles.article_id,
    articles.published_date,
    coalesce(articles.story_cluster_id, articles.article_id) as story_id,
    articles.tone_score,
    mentions.platform_id
from {{ ref('stg_raw__articles') }} as articles
inner join {{ ref('stg_raw__article_mentions') }} as mentions on articles.article_id = mentions.article_id
where articles.published_precision in ('day', 'minute') and articles.published_date is not null
