{{ config(materialized='table') }}
with captures as (
    select * from {{ ref('stg_raw__chart_captures') }}
),

ranked as (
    select
        store,
        country,
        chart,
        platform_id,
        min(store_date) as first_date,
        max(store_date) as last_date
    from {{ ref('int_chart_ranks') }}
    group by store, country, chart, platform_id
),

apps as (
    select * from {{ ref('stg_raw__watch_apps') }}
),

members as (
    select origin_platform_id as platform_id from {{ ref('stg_raw__watch_episodes') }}
    union
    select platform_id from {{ ref('stg_raw__watch_episode_platforms') }}
),

looked_at as (
    select
        store,
        country,
        chart,
        store_date as first_date,
        store_date as last_date
    from captures
    union all
    select
        store,
        country,
        chart,
        first_date,
        last_date
    from ranked
),

charts as (
    select
        store,
        country,
        chart,
        min(first_date) as first_date,
        max(last_date) as last_date
    from looked_at
    group by store, country, chart
),

named as (
    select
        store,
        country,
        chart,
        platform_id
    from ranked
    union
    select
        store,
        country,
        chart,
        platform_id
    from captures
    where platform_id is not null
    union
    select
        charts.store,
        charts.country,
        charts.chart,
        members.platform_id
    from charts
    inner join apps on charts.store = apps.store
    inner join members on apps.platform_id = members.platform_id
),

known as (
    select distinct
        store,
        platform_id
    from apps
    where store_app_id is not null
)

select
    named.platform_id,
    named.store,
    named.country,
    named.chart,
    charts.first_date,
    charts.last_date,
    known.platform_id is not null as has_known_id
from named
inner join charts
    on
        named.store = charts.store
        and named.country = charts.country
        and named.chart = charts.chart
left join known
    on
        named.store = known.store
        and named.platform_id = known.platform_id
