{{ config(materialized='table') }}
-- What is known to have happened in an episode, with the instants (UTC) between which it did.
with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

platforms as (
    select
        episode_id,
        platform_id
    from {{ ref('stg_raw__watch_episode_platforms') }}
    union
    select
        episode_id,
        origin_platform_id as platform_id
    from episodes
),

watched as (
    select
        platforms.episode_id,
        platforms.platform_id,
        episodes.geography,
        episodes.window_start,
        episodes.window_end
    from platforms
    inner join episodes on platforms.episode_id = episodes.episode_id
),

-- By these few days an engine leaves out the rest before it joins.
window_days as (
    {{ days_of_windows('episodes') }}
),

ranks as (
    select * from {{ ref('fct_chart_rank_daily') }}
    where store_date in (select window_days.day from window_days)
),

top_ten_looks as (
    select * from {{ ref('int_chart_observations') }}
    where rank <= 10 and store_date in (select window_days.day from window_days)
),

events as (
    select
        episode_id,
        'event' as fact_kind,
        event_id as subject,
        platforms as platform_id,
        title,
        event_date as fact_date,
        event_zone as fact_zone,
        case when event_at_precision in ('minute', 'hour') then event_at_precision else 'day' end
            as fact_precision,
        case
            when event_at_precision in ('minute', 'hour') then event_at
            else {{ day_start_utc('event_date', 'event_zone') }}
        end as earliest_at,
        case event_at_precision
            when 'minute' then event_at + interval '1' minute
            when 'hour' then event_at + interval '1' hour
            else {{ day_start_utc(days_after('event_date', 1), 'event_zone') }}
        end as latest_at,
        source_urls as source,
        provenance
    from {{ ref('dim_event') }}
    where episode_id is not null
),

places as (
    select
        'number_one' as fact_kind,
        1 as place
    union all
    select
        'top_ten' as fact_kind,
        10 as place
),

positions as (
    select
        watched.episode_id,
        places.fact_kind,
        places.place,
        ranks.platform_id,
        ranks.store,
        ranks.country,
        ranks.chart,
        ranks.store_zone,
        ranks.store_date,
        ranks.source_urls,
        ranks.provenance,
        coalesce(ranks.rank <= places.place, false) as is_there
    from watched
    inner join ranks
        on
            watched.platform_id = ranks.platform_id
            and ranks.store_date between watched.window_start and watched.window_end
    cross join places
    where ranks.rank_status = 'ranked' or (ranks.rank_status = 'unranked' and ranks.depth >= places.place)
),

reached as (
    select
        *,
        min(case when is_there then store_date end) over (
            partition by episode_id, fact_kind, platform_id, store, country, chart
        ) as first_date
    from positions
),

-- It came there after the last look that did not show it there, and by the first that did.
arrivals as (
    select
        reached.episode_id,
        reached.fact_kind,
        reached.place,
        reached.platform_id,
        reached.store,
        reached.country,
        reached.chart,
        reached.first_date,
        min(reached.store_zone) as store_zone,
        max(case when reached.store_date < reached.first_date then reached.store_date end) as before_date,
        max(case when reached.store_date = reached.first_date then reached.source_urls end) as source,
        max(case when reached.store_date = reached.first_date then reached.provenance end) as provenance,
        min(looks.captured_at) as seen_at
    from reached
    left join top_ten_looks as looks
        on
            reached.platform_id = looks.platform_id
            and reached.store = looks.store
            and reached.country = looks.country
            and reached.chart = looks.chart
            and reached.first_date = looks.store_date
            and reached.store_date = reached.first_date
            and reached.place >= looks.rank
    where reached.first_date is not null
    group by
        reached.episode_id, reached.fact_kind, reached.place, reached.platform_id, reached.store,
        reached.country, reached.chart, reached.first_date
),

charts as (
    select
        episode_id,
        fact_kind,
        store || '/' || country || '/' || chart as subject,
        platform_id,
        case fact_kind when 'number_one' then 'Number 1' else 'Among the first ten' end
        || ' of ' || store || ' ' || country || ' ' || chart as title,
        first_date as fact_date,
        store_zone as fact_zone,
        case when seen_at is not null then 'by_instant' else 'by_day' end as fact_precision,
        {{ day_start_utc('before_date', 'store_zone') }} as earliest_at,
        coalesce(seen_at, {{ day_start_utc(days_after('first_date', 1), 'store_zone') }}) as latest_at,
        source,
        provenance
    from arrivals
),

readings as (
    select
        watched.episode_id,
        series.platform_id,
        series.signal_family,
        series.signal,
        series.series_id,
        series.series_date,
        series.day_zone,
        series.value,
        series.provenance,
        series.series_date >= watched.window_start as is_in_window
    from watched
    inner join {{ ref('int_series_near_episodes') }} as series
        on
            watched.platform_id = series.platform_id
            and series.series_date
            between {{ days_after('watched.window_start', -lead_lag_design().days_before) }}
            and watched.window_end
    where series.signal_family in ('attention', 'news') and series.value is not null
),

levels as (
    select
        *,
        max(case when is_in_window then value end) over (partition by episode_id, series_id) as peak,
        max(case when not is_in_window then value end)
            over (partition by episode_id, series_id)
            as usual_peak,
        count(case when not is_in_window then 1 end) over (partition by episode_id, series_id)
            as days_before
    from readings
),

-- A rise is told only where half of the days before the window were seen; of equal peaks the earliest stands.
turns as (
    select
        episode_id,
        'peak' as turn,
        platform_id,
        signal_family,
        signal,
        series_id,
        min(day_zone) as day_zone,
        min(provenance) as provenance,
        min(series_date) as fact_date
    from levels
    where is_in_window and value = peak and value > 0
    group by episode_id, platform_id, signal_family, signal, series_id
    union all
    select
        episode_id,
        'rise' as turn,
        platform_id,
        signal_family,
        signal,
        series_id,
        min(day_zone) as day_zone,
        min(provenance) as provenance,
        min(series_date) as fact_date
    from levels
    where
        is_in_window
        and value > usual_peak
        and days_before >= {{ lead_lag_design().days_before // 2 }}
    group by episode_id, platform_id, signal_family, signal, series_id
),

attention as (
    select
        episode_id,
        signal_family || '_' || turn as fact_kind,
        series_id as subject,
        platform_id,
        case turn
            when 'peak' then 'Highest observed day of ' || signal
            else 'First day of ' || signal || ' above every day of the weeks before the window'
        end as title,
        fact_date,
        day_zone as fact_zone,
        'day' as fact_precision,
        {{ day_start_utc('fact_date', 'day_zone') }} as earliest_at,
        {{ day_start_utc(days_after('fact_date', 1), 'day_zone') }} as latest_at,
        cast(null as varchar) as source,
        provenance
    from turns
),

told as (
    select
        mentions.platform_id,
        articles.outlet,
        articles.published_date,
        articles.url as source,
        articles.provenance
    from {{ ref('stg_raw__article_mentions') }} as mentions
    inner join {{ ref('stg_raw__articles') }} as articles on mentions.article_id = articles.article_id
    where articles.published_precision = 'day'
    union all
    select
        platform_id,
        publisher as outlet,
        published_date,
        source_url as source,
        provenance
    from {{ ref('fct_published_metrics') }}
    where publisher is not null and published_date is not null
),

outlets as (
    select
        watched.episode_id,
        watched.platform_id,
        told.outlet,
        min(told.published_date) as published_date,
        min(told.source) as source,
        min(told.provenance) as provenance
    from watched
    inner join told
        on
            watched.platform_id = told.platform_id
            and told.published_date between watched.window_start and watched.window_end
    group by watched.episode_id, watched.platform_id, told.outlet
),

counted as (
    select
        *,
        row_number() over (
            partition by episode_id, platform_id
            order by published_date, outlet
        ) as outlet_number
    from outlets
),

-- An outlet's day is that of its own zone, which is not known: it may begin 14 hours before that of UTC, and
-- end 12 hours after it.
press as (
    select
        episode_id,
        case outlet_number when 1 then 'press_first' else 'press_broad' end as fact_kind,
        'press' as subject,
        platform_id,
        case outlet_number
            when 1 then 'First outlet of the collection that writes on it: ' || outlet
            else 'Five different outlets of the collection have written on it'
        end as title,
        published_date as fact_date,
        cast(null as varchar) as fact_zone,
        'day_of_unknown_zone' as fact_precision,
        cast(published_date as timestamp) - interval '14' hour as earliest_at,
        cast({{ days_after('published_date', 1) }} as timestamp) + interval '12' hour as latest_at,
        source,
        provenance
    from counted
    where outlet_number in (1, 5)
),

searches as (
    select
        watched.episode_id,
        'search_peak' as fact_kind,
        metrics.statement_id as subject,
        metrics.platform_id,
        'Search interest peaks, as ' || metrics.publisher || ' reports of ' || metrics.provider as title,
        metrics.observed_date as fact_date,
        cast(null as varchar) as fact_zone,
        'day_of_unknown_zone' as fact_precision,
        cast(metrics.observed_date as timestamp) - interval '14' hour as earliest_at,
        cast({{ days_after('metrics.observed_date', 1) }} as timestamp) + interval '12' hour as latest_at,
        metrics.source_url as source,
        metrics.provenance
    from watched
    inner join {{ ref('fct_published_metrics') }} as metrics
        on
            watched.platform_id = metrics.platform_id
            and metrics.observed_date between watched.window_start and watched.window_end
    where metrics.metric = 'peak_date' and metrics.date_precision = 'day'
)

select * from events
union all
select * from charts
union all
select * from attention
union all
select * from press
union all
select * from searches
