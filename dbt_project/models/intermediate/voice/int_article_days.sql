with stories as (
    select * from {{ ref('int_article_stories') }}
),

days as (
    select
        published_date,
        count(distinct story_id) as stories
    from stories
    group by published_date
),

named as (
    select
        platform_id,
        published_date,
        count(*) as articles,
        count(distinct story_id) as stories,
        count(tone_score) as articles_with_tone,
        {{ in_order('sum', 'tone_score', 'article_id') }} as tone_sum
    from stories
    group by platform_id, published_date
),

platforms as (
    select distinct platform_id from {{ ref('int_episode_sets') }}
)

-- Every article is searched for every watched platform: on a day with articles, no row means nobody named it.
select
    platforms.platform_id,
    days.published_date,
    coalesce(named.articles, 0) as articles,
    coalesce(named.stories, 0) as stories,
    days.stories as stories_of_day,
    coalesce(named.articles_with_tone, 0) as articles_with_tone,
    named.tone_sum
from platforms
cross join days
left join named
    on
        platforms.platform_id = named.platform_id
        and days.published_date = named.published_date
