with claims as (
    select * from {{ ref('int_claims') }}
),

episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

destinations as (
    select * from {{ ref('stg_raw__watch_episode_platforms') }}
),

-- Everything that anybody stated, true or not: a limit must not be too low.
stated as (
    select
        platform_id,
        metric_family,
        geography,
        unit,
        value
    from {{ ref('int_published_figures') }}
    where subject_type = 'platform'
    union all
    select
        platform_id,
        metric_family,
        geography,
        unit,
        value
    from claims
),

monthly_users as (
    select
        platform_id,
        max(value) as largest
    from stated
    where metric_family = 'monthly_users'
    group by platform_id
),

origin_users as (
    select
        destinations.platform_id,
        episodes.origin_platform_id,
        max(stated.value) as largest,
        row_number() over (
            partition by destinations.platform_id
            order by max(stated.value) desc, episodes.origin_platform_id
        ) as largest_order
    from destinations
    inner join episodes on destinations.episode_id = episodes.episode_id
    inner join stated
        on
            episodes.origin_platform_id = stated.platform_id
            and episodes.geography = stated.geography
    where stated.unit = 'users' and stated.metric_family in ('users', 'monthly_users')
    group by destinations.platform_id, episodes.origin_platform_id
),

largest_others as (
    select
        claims.claim_id,
        max(others.value) as largest
    from claims
    inner join claims as others
        on
            claims.platform_id = others.platform_id
            and claims.metric_family = others.metric_family
            and claims.unit = others.unit
            and claims.claim_id != others.claim_id
    group by claims.claim_id
)

select
    claims.claim_id,
    monthly_users.largest as monthly_users_limit,
    origin_users.largest as origin_users_limit,
    origin_users.origin_platform_id,
    largest_others.largest as largest_other_claim
from claims
-- "Fewer than" sets no figure that could be too high.
left join monthly_users
    on
        claims.platform_id = monthly_users.platform_id
        and claims.unit = 'users'
        and claims.metric_family != 'monthly_users'
        and claims.qualifier != '<'
left join origin_users
    on
        claims.platform_id = origin_users.platform_id
        and claims.standard_metric = 'migrated_users'
        and claims.qualifier != '<'
        and origin_users.largest_order = 1
left join largest_others on claims.claim_id = largest_others.claim_id
