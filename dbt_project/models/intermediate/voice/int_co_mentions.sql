with sets as (
    select * from {{ ref('int_episode_sets') }}
    where platform_role = 'destination'
),

stories as (
    select distinct
        platform_id,
        published_date,
        story_id
    from {{ ref('int_article_stories') }}
),

days as (
    select distinct published_date from stories
),

-- Stories of the origin, and those of them that name the destination as well.
counted as (
    select
        sets.episode_id,
        sets.platform_id,
        sets.window_start,
        days.published_date,
        count(origins.story_id) as origin_stories,
        count(destinations.story_id) as joint_stories
    from sets
    inner join days on days.published_date between sets.baseline_start and sets.window_end
    left join stories as origins
        on
            sets.origin_platform_id = origins.platform_id
            and days.published_date = origins.published_date
    left join stories as destinations
        on
            sets.platform_id = destinations.platform_id
            and origins.published_date = destinations.published_date
            and origins.story_id = destinations.story_id
    group by sets.episode_id, sets.platform_id, sets.window_start, days.published_date
),

windowed as (
    select
        counted.episode_id,
        counted.platform_id,
        counted.window_start,
        counted.published_date,
        count(*) as known_days,
        sum(earlier.origin_stories) as origin_stories,
        sum(earlier.joint_stories) as joint_stories
    from counted
    inner join counted as earlier
        on
            counted.episode_id = earlier.episode_id
            and counted.platform_id = earlier.platform_id
            and earlier.published_date
            between {{ days_after('counted.published_date', 1 - migration_design().trailing_days) }}
            and counted.published_date
    group by counted.episode_id, counted.platform_id, counted.window_start, counted.published_date
)

select
    episode_id,
    platform_id,
    published_date as mention_date,
    published_date < window_start as is_baseline,
    cast(origin_stories as double) as sample,
    case
        when known_days >= {{ migration_design().trailing_minimum }} and origin_stories > 0
            then {{ stabilised_share('joint_stories / cast(origin_stories as double)') }}
    end as value,
    case
        when known_days < {{ migration_design().trailing_minimum }}
            then 'articles were read on too few of the last {{ migration_design().trailing_days }} days'
        when origin_stories = 0
            then 'no story of the last {{ migration_design().trailing_days }} days names the origin'
    end as value_null_reason
from windowed
