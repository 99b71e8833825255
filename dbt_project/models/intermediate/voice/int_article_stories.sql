-- The one place where the metrics of attention learn which articles tell the same story.
select
    articles.article_id,
    articles.published_date,
    stories.story_cluster_id as story_id,
    articles.tone_score,
    mentions.platform_id
from {{ ref('stg_raw__articles') }} as articles
inner join {{ ref('int_story_clusters') }} as stories on articles.article_id = stories.article_id
inner join {{ ref('stg_raw__article_mentions') }} as mentions on articles.article_id = mentions.article_id
where articles.published_precision in ('day', 'minute') and articles.published_date is not null
