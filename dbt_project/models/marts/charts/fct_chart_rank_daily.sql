{{ config(
    materialized='incremental',
    meta={'day': 'store_date', 'whole': 'chart_pairs', 'spread': 'chart_ranges'}
) }}
with platforms as (
    select * from {{ ref('int_chart_platforms') }}
),

observations as (
    select * from {{ ref('int_chart_observations') }}
    where {{ is_touched('store_date') }}
),

captures as (
    select * from {{ ref('stg_raw__chart_captures') }}
    where {{ is_touched('store_date') }}
),

storefronts as (
    select * from {{ ref('stg_raw__watch_storefronts') }}
),

delisted_days as (
    select * from {{ ref('int_delisted_days') }}
    where {{ is_touched('store_date') }}
),

spine as (
    select
        platform_id,
        store,
        country,
        chart,
        has_known_id,
        {{ each_touched_day('first_date', 'last_date') }} as store_date
    from platforms
),

observed as (
    select
        platform_id,
        store,
        country,
        chart,
        store_date,
        min(rank) as best_rank,
        max(rank) as worst_rank,
        max(depth) as depth,
        count(*) as captures,
        min(confidence) as confidence,
        min(provider) as provider,
        min(publisher) as publisher,
        min(source_url) as source_url,
        min(provenance) as provenance,
        min(provider) != max(provider)
        or min(publisher) != max(publisher)
        or min(source_url) != max(source_url)
        or min(provenance) != max(provenance) as is_mixed,
        max(observed_at) as observed_at
    from observations
    group by platform_id, store, country, chart, store_date
),

-- Texts of several values are made for the days that have any: of all days they would not fit into memory.
mixed as (
    select
        observed.platform_id,
        observed.store,
        observed.country,
        observed.chart,
        observed.store_date,
        {{ distinct_text('observations.provider') }} as providers,
        {{ distinct_text('observations.publisher', '; ') }} as publishers,
        {{ distinct_text('observations.source_url', ' ') }} as source_urls,
        {{ distinct_text('observations.provenance') }} as provenance
    from observed
    inner join observations
        on
            observed.platform_id = observations.platform_id
            and observed.store = observations.store
            and observed.country = observations.country
            and observed.chart = observations.chart
            and observed.store_date = observations.store_date
    where observed.is_mixed
    group by
        observed.platform_id, observed.store, observed.country, observed.chart, observed.store_date
),

failures as (
    select
        platforms.platform_id,
        captures.store,
        captures.country,
        captures.chart,
        captures.store_date,
        count(*) as failed_captures
    from captures
    inner join platforms
        on
            captures.store = platforms.store
            and captures.country = platforms.country
            and captures.chart = platforms.chart
    where
        captures.capture_status = 'failed'
        and (captures.scope = 'chart' or captures.platform_id = platforms.platform_id)
    group by
        platforms.platform_id, captures.store, captures.country, captures.chart, captures.store_date
),

joined as (
    select
        spine.platform_id,
        spine.store,
        spine.country,
        spine.chart,
        spine.store_date,
        spine.has_known_id,
        storefronts.store_zone,
        observed.best_rank,
        observed.worst_rank,
        observed.depth,
        observed.confidence,
        coalesce(mixed.providers, observed.provider) as providers,
        coalesce(mixed.publishers, observed.publisher) as publishers,
        coalesce(mixed.source_urls, observed.source_url) as source_urls,
        observed.observed_at,
        delisted_days.unavailable_hours,
        coalesce(observed.captures, 0) as captures,
        coalesce(failures.failed_captures, 0) as failed_captures,
        case
            when delisted_days.is_delisted then 'delisted'
            when observed.best_rank is not null then 'ranked'
            when observed.depth is not null then 'unranked'
            else 'not_fetched'
        end as rank_status,
        coalesce(
            mixed.provenance,
            observed.provenance,
            case when delisted_days.is_delisted then delisted_days.provenance end
        ) as provenance
    from spine
    left join storefronts on spine.country = storefronts.country
    left join observed
        on
            spine.platform_id = observed.platform_id
            and spine.store = observed.store
            and spine.country = observed.country
            and spine.chart = observed.chart
            and spine.store_date = observed.store_date
    left join mixed
        on
            spine.platform_id = mixed.platform_id
            and spine.store = mixed.store
            and spine.country = mixed.country
            and spine.chart = mixed.chart
            and spine.store_date = mixed.store_date
    left join failures
        on
            spine.platform_id = failures.platform_id
            and spine.store = failures.store
            and spine.country = failures.country
            and spine.chart = failures.chart
            and spine.store_date = failures.store_date
    left join delisted_days
        on
            spine.platform_id = delisted_days.platform_id
            and spine.country = delisted_days.country
            and spine.store_date = delisted_days.store_date
    where {{ is_touched('spine.store_date') }}
)

select
    platform_id,
    store,
    country,
    chart,
    store_date,
    store_zone,
    case when rank_status = 'ranked' then best_rank end as rank,
    case when rank_status = 'ranked' then worst_rank end as worst_rank,
    rank_status,
    case
        when rank_status = 'ranked' then 'a capture of the day shows the app at this rank'
        when rank_status = 'unranked' then 'looked for down to rank ' || depth || ' and not there'
        when rank_status = 'delisted' and best_rank is not null
            then
                'removed from the store for most of the day; a capture still showed rank ' || best_rank
        when rank_status = 'delisted' then 'removed from the store for most of the day'
        when captures > 0 then 'not shown, and the capture does not say how deep it looked'
        when not has_known_id
            then 'the id of the app in this store is not known, so a chart cannot show that it is absent'
        when failed_captures > 0 then 'every capture of the day failed'
        else 'nobody looked for the app in this chart on this day'
    end as rank_status_reason,
    case when rank_status != 'not_fetched' then depth end as depth,
    cast(captures as bigint) as captures,
    cast(failed_captures as bigint) as failed_captures,
    coalesce(unavailable_hours, 0) as unavailable_hours,
    confidence,
    providers,
    publishers,
    source_urls,
    provenance,
    observed_at
from joined
order by store_date, store, country, chart, platform_id
