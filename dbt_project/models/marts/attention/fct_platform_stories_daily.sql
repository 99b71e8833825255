with tellings as (
    select
        stories.story_cluster_id,
        stories.address,
        stories.site,
        articles.article_id,
        articles.published_date,
        articles.provenance,
        articles.observed_at
    from {{ ref('int_story_clusters') }} as stories
    inner join {{ ref('stg_raw__articles') }} as articles on stories.article_id = articles.article_id
    where articles.published_precision in ('minute', 'day') and articles.published_date is not null
),

named as (
    select
        mentions.platform_id,
        tellings.*,
        min(tellings.published_date) over (
            partition by mentions.platform_id, tellings.story_cluster_id
        ) as first_date
    from tellings
    inner join {{ ref('stg_raw__article_mentions') }} as mentions on tellings.article_id = mentions.article_id
)

select
    platform_id,
    published_date,
    count(distinct story_cluster_id) as n_stories,
    count(distinct case when published_date = first_date then story_cluster_id end) as n_new_stories,
    count(distinct address) as n_articles,
    count(distinct site) as n_outlets,
    {{ distinct_text('provenance') }} as provenance,
    max(observed_at) as observed_at
from named
group by platform_id, published_date
order by platform_id, published_date
