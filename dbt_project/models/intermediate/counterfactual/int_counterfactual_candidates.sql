{{ config(materialized='table') }}
with designs as (
    select * from {{ ref('int_counterfactual_designs') }}
    where not is_placebo
),

episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

destinations as (
    select
        episode_id,
        platform_id
    from {{ ref('stg_raw__watch_episode_platforms') }}
),

owners as (
    select
        platform_id,
        owner_company_id
    from {{ ref('stg_raw__watch_platforms') }}
),

touched as (
    select
        episode_id,
        platform_id,
        min(title) as title
    from {{ ref('stg_raw__platform_events') }}
    group by episode_id, platform_id
),

known as (
    select * from {{ ref('contaminated_controls') }}
),

series as (
    select
        series_id,
        platform_id,
        signal,
        store,
        country,
        chart
    from {{ ref('int_series') }}
),

-- The same signal of other platforms in the same list, of the platform itself in other countries, and all
-- else that the source showed.
pairs as (
    select
        designs.*,
        series.series_id as control_series_id,
        series.platform_id as control_platform_id,
        case when series.platform_id = designs.platform_id then 'other_storefront' else 'other_platform' end
            as control_kind
    from designs
    inner join series
        on
            designs.signal = series.signal
            and (
                (
                    designs.platform_id != series.platform_id
                    and designs.store is not distinct from series.store
                    and designs.country is not distinct from series.country
                    and designs.chart is not distinct from series.chart
                )
                or (
                    designs.platform_id = series.platform_id
                    and designs.store = series.store
                    and designs.country != series.country
                    and designs.chart = series.chart
                )
            )
    union all
    select
        *,
        series_id || '/rest' as control_series_id,
        cast(null as varchar) as control_platform_id,
        'rest_of_source' as control_kind
    from designs
    where signal_family in ('attention', 'news')
),

target_days as (
    select
        designs.episode_id,
        designs.series_id,
        designs.event_date,
        series.series_date
    from designs
    inner join {{ ref('int_series_near_episodes') }} as series
        on
            designs.series_id = series.series_id
            and designs.first_date <= series.series_date
            and designs.last_date >= series.series_date
    where series.value is not null
),

coverage as (
    select
        pairs.episode_id,
        pairs.series_id,
        pairs.control_series_id,
        count(*) as target_days,
        count(days.value) as shared_days,
        count(case when days.is_censored then 1 end) as censored_days,
        count(distinct case when target_days.series_date < target_days.event_date then days.value end)
            as values_before
    from pairs
    inner join target_days
        on
            pairs.episode_id = target_days.episode_id
            and pairs.series_id = target_days.series_id
    left join {{ ref('int_counterfactual_control_days') }} as days
        on
            pairs.control_series_id = days.control_series_id
            and target_days.series_date = days.series_date
    group by pairs.episode_id, pairs.series_id, pairs.control_series_id
),

judged as (
    select
        pairs.episode_id,
        pairs.platform_id,
        pairs.series_id,
        pairs.control_series_id,
        pairs.control_platform_id,
        pairs.control_kind,
        coalesce(coverage.target_days, 0) as target_days,
        coalesce(coverage.shared_days, 0) as shared_days,
        case
            when pairs.control_kind = 'other_storefront'
                then 'contaminated: the platform itself where the same wave may have come, in another country'
            when pairs.control_platform_id = episodes.origin_platform_id
                then 'treated: it is the platform that people leave'
            when destinations.platform_id is not null then 'co-treated: a destination of the episode'
            when control_owners.owner_company_id = origin_owners.owner_company_id
                then 'co-treated: it belongs to the company of the platform that people leave'
            when touched.platform_id is not null then 'touched by an event of the episode: ' || touched.title
            when known.platform_id is not null then known.reason
            when coalesce(coverage.target_days, 0) = 0 then 'the series itself has no observed day'
            when coverage.shared_days < coverage.target_days
                then
                    'no value on ' || (coverage.target_days - coverage.shared_days) || ' of the '
                    || coverage.target_days || ' days on which the series has one'
            when coverage.censored_days > 0
                then 'only a bound on ' || coverage.censored_days || ' of the days'
            when coverage.values_before < 2 then 'fewer than two different values before the date'
        end as exclusion_reason
    from pairs
    inner join episodes on pairs.episode_id = episodes.episode_id
    left join coverage
        on
            pairs.episode_id = coverage.episode_id
            and pairs.series_id = coverage.series_id
            and pairs.control_series_id = coverage.control_series_id
    left join destinations
        on
            pairs.episode_id = destinations.episode_id
            and pairs.control_platform_id = destinations.platform_id
    left join owners as control_owners on pairs.control_platform_id = control_owners.platform_id
    left join owners as origin_owners on episodes.origin_platform_id = origin_owners.platform_id
    left join touched
        on
            pairs.episode_id = touched.episode_id
            and pairs.control_platform_id = touched.platform_id
    left join known
        on
            pairs.episode_id = known.episode_id
            and pairs.control_platform_id = known.platform_id
)

select
    episode_id,
    platform_id,
    series_id,
    control_series_id,
    control_platform_id,
    control_kind,
    target_days,
    shared_days,
    exclusion_reason is null as is_clean,
    coalesce(
        exclusion_reason,
        case
            when control_kind = 'rest_of_source' then 'clean: all that the source showed except this platform'
            else
                'clean: neither origin nor destination, another owner than the origin, named by no event of '
                || 'the episode'
        end
    ) as reason
from judged
