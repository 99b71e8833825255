with stories as (
    select * from {{ ref('int_story_clusters') }}
),

articles as (
    select * from {{ ref('stg_raw__articles') }}
),

tellings as (
    select
        stories.story_cluster_id,
        stories.is_first_telling,
        stories.address,
        stories.site,
        articles.article_id,
        articles.outlet,
        articles.language,
        articles.published_date,
        articles.published_at,
        articles.published_precision,
        articles.title,
        articles.url,
        articles.provenance,
        articles.observed_at
    from stories
    inner join articles on stories.article_id = articles.article_id
),

firsts as (
    select * from tellings
    where is_first_telling
),

counts as (
    select
        story_cluster_id,
        count(distinct address) as n_articles,
        count(distinct site) as n_outlets,
        max(
            case when published_precision in ('minute', 'day') then published_date end
        ) as last_published_date,
        {{ distinct_text('language') }} as languages,
        {{ distinct_text('provenance') }} as provenance,
        max(observed_at) as observed_at
    from tellings
    group by story_cluster_id
),

platforms as (
    select
        tellings.story_cluster_id,
        {{ distinct_text('mentions.platform_id') }} as platform_ids
    from tellings
    inner join {{ ref('stg_raw__article_mentions') }} as mentions on tellings.article_id = mentions.article_id
    group by tellings.story_cluster_id
)

select
    counts.story_cluster_id,
    firsts.article_id as first_article_id,
    firsts.title,
    firsts.outlet as first_outlet,
    firsts.url as first_url,
    firsts.published_date as first_published_date,
    firsts.published_at as first_published_at,
    firsts.published_precision as first_published_precision,
    counts.last_published_date,
    counts.n_articles,
    counts.n_outlets,
    counts.languages,
    platforms.platform_ids,
    counts.provenance,
    counts.observed_at
from counts
inner join firsts on counts.story_cluster_id = firsts.story_cluster_id
left join platforms on counts.story_cluster_id = platforms.story_cluster_id
order by firsts.published_date, counts.story_cluster_id
